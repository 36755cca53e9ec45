package backup

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"

	"pingd/kv/engine/keyspace"
)

const (
	magic    = "PINGDBAK"
	endMagic = "PINGDEND"
	// Version is the format that Write writes; Read accepts it alone.
	Version = 1
	maxHead = 1 << 20
)

// Head says where a backup comes from.
type Head struct {
	Created time.Time `json:"created"`
	Cluster string    `json:"cluster"`
	Node    string    `json:"node"`
	Program string    `json:"program"` // version of pingd
	// Index and Term are those of the last log entry whose effect is in it.
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
}

// Errors of Read, wrapped with what was found.
var (
	// ErrFormat means that the input is no backup, or is damaged or cut short.
	ErrFormat = errors.New("not an intact backup")
	// ErrVersion means that it was made by a newer pingd.
	ErrVersion = errors.New("backup of an unknown version\nhint: use the pingd that made it, or a newer one")
)

// Write writes a backup of the engine snapshot in r to w.
func Write(w io.Writer, h Head, r io.Reader) error {
	body, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode head of backup: %w", err)
	}
	sum := xxhash.New()
	both := io.MultiWriter(w, sum)
	head := append([]byte(magic), Version)
	head = append(binary.LittleEndian.AppendUint32(head, uint32(len(body))), body...)
	head = binary.LittleEndian.AppendUint64(head, xxhash.Sum64(head))
	if _, err := both.Write(head); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if _, err := io.CopyBuffer(both, onlyReader{r}, make([]byte, 64<<10)); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if _, err := io.WriteString(both, endMagic); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64())); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

// onlyReader hides whatever else r can do, so that a copy uses its buffer.
type onlyReader struct{ io.Reader }

// Read reads a backup to its end and calls fn for each key. An error of fn ends it.
//
// Errors: ErrFormat, ErrVersion, and those of r and fn. Damage may be found only
// after fn was told keys: whoever must not act on damaged data reads it twice.
func Read(r io.Reader, fn func(keyspace.Stored) error) (Head, keyspace.Scanned, error) {
	sum := xxhash.New()
	in := bufio.NewReaderSize(r, 256<<10)
	summed := io.TeeReader(in, sum)
	h, err := readHead(summed)
	if err != nil {
		return h, keyspace.Scanned{}, err
	}
	scanned, err := keyspace.Walk(summed, fn)
	if errors.Is(err, keyspace.ErrSnapshotCorrupt) || errors.Is(err, keyspace.ErrSnapshotFormat) {
		err = fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err != nil {
		return h, scanned, err
	}
	end := make([]byte, len(endMagic)+8)
	if _, err := io.ReadFull(summed, end[:len(endMagic)]); err != nil {
		return h, scanned, cut(err)
	}
	want := sum.Sum64()
	if _, err := io.ReadFull(in, end[len(endMagic):]); err != nil {
		return h, scanned, cut(err)
	}
	if string(end[:len(endMagic)]) != endMagic || binary.LittleEndian.Uint64(end[len(endMagic):]) != want {
		return h, scanned, fmt.Errorf("%w: checksum does not match", ErrFormat)
	}
	return h, scanned, nil
}

func readHead(r io.Reader) (h Head, err error) {
	head := make([]byte, len(magic)+1+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return h, cut(err)
	}
	size := binary.LittleEndian.Uint32(head[len(magic)+1:])
	switch {
	case string(head[:len(magic)]) != magic:
		return h, fmt.Errorf("%w: it begins with %q", ErrFormat, head[:len(magic)])
	case head[len(magic)] != Version:
		return h, fmt.Errorf("%w (%d, known is %d)", ErrVersion, head[len(magic)], Version)
	case size > maxHead:
		return h, fmt.Errorf("%w: head of %d bytes", ErrFormat, size)
	}
	buf := bytes.NewBuffer(head)
	if _, err := io.CopyN(buf, r, int64(size)); err != nil {
		return h, cut(err)
	}
	var sum [8]byte
	if _, err := io.ReadFull(r, sum[:]); err != nil {
		return h, cut(err)
	}
	if binary.LittleEndian.Uint64(sum[:]) != xxhash.Sum64(buf.Bytes()) {
		return h, fmt.Errorf("%w: checksum of its head does not match", ErrFormat)
	}
	if err := json.Unmarshal(buf.Bytes()[len(magic)+5:], &h); err != nil {
		return h, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return h, nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrFormat)
	}
	return fmt.Errorf("read backup: %w", err)
}
