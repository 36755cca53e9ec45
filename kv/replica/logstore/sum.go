package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"
)

// Neither log store keeps a checksum that is compared when an entry is read, so each
// entry carries its own, from the leader that made it to the disks of all and back:
// in raft.Log's Extensions, which are meant for that.
//
//	mark (1) | xxhash64 of index, term, type and data (8)
//
// Entries without one were written by a version before; they are taken as they are.
const (
	sumMark   = 1
	sumLength = 9
)

// errSum says that an entry is not what was written.
var errSum = errors.New("checksum of the entry does not match")

func entrySum(e *raft.Log) uint64 {
	var head [17]byte
	binary.LittleEndian.PutUint64(head[:], e.Index)
	binary.LittleEndian.PutUint64(head[8:], e.Term)
	head[16] = byte(e.Type)
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(head[:])
	_, _ = d.Write(e.Data)
	return d.Sum64()
}

// sumUp gives e its checksum, or compares the one it came with.
func sumUp(e *raft.Log) error {
	if len(e.Extensions) > 0 {
		return checkSum(e)
	}
	e.Extensions = binary.LittleEndian.AppendUint64(append(make([]byte, 0, sumLength), sumMark), entrySum(e))
	return nil
}

// checkSum compares the checksum of e, if it has one.
func checkSum(e *raft.Log) error {
	x := e.Extensions
	if len(x) == 0 {
		return nil
	}
	if len(x) != sumLength || x[0] != sumMark || binary.LittleEndian.Uint64(x[1:]) != entrySum(e) {
		return fmt.Errorf("entry %d: %w", e.Index, errSum)
	}
	return nil
}

// checkEntry holds what was read under index.
func checkEntry(index uint64, e *raft.Log) error {
	if e.Index != index {
		return fmt.Errorf("entry %d: entry %d lies in its place", index, e.Index)
	}
	return checkSum(e)
}

// leave ends the goroutine of Raft's that met a damaged entry. Raft would panic on
// an error while it applies entries, and take the message for people down with it;
// it must not go on either. The owner learns of the damage by Failed, and leaves.
func leave() { runtime.Goexit() }

// Values of the stable store carry a checksum over their key too, for a key that is
// another one is as bad: a vote would be forgotten.
//
//	mark (1) | xxhash64 of key, 0 and value (8) | value
func sealValue(key, value []byte) []byte {
	sealed := binary.LittleEndian.AppendUint64([]byte{sumMark}, valueSum(key, value))
	return append(sealed, value...)
}

// openValue returns the value that sealValue was given. One without a mark is of a
// version before, which sealed none: old says so.
func openValue(key, sealed []byte) (value []byte, old bool, err error) {
	if len(sealed) < sumLength || sealed[0] != sumMark {
		return sealed, true, nil
	}
	value = sealed[sumLength:]
	if binary.LittleEndian.Uint64(sealed[1:]) != valueSum(key, value) {
		return nil, false, fmt.Errorf("checksum of %q does not match", key)
	}
	return value, false, nil
}

func valueSum(key, value []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(key)
	_, _ = d.Write([]byte{0})
	_, _ = d.Write(value)
	return d.Sum64()
}
