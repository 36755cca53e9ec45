package keyspace

import (
	"encoding/binary"

	"pingd/kv/engine/once"
	"pingd/kv/engine/value"
)

// Records of a snapshot. Never renumber.
const (
	recordHead  = 'h' // log time, version counter
	recordDB    = 'd' // database of the keys that follow
	recordKey   = 'k' // kind, key, expiry, version, value
	recordToken = 't' // token, end, reply
	recordEnd   = 'e' // how many keys and tokens there were
)

func (ent *Entry) append(dst []byte) []byte {
	dst = append(dst, recordKey, byte(ent.Val.Kind()))
	dst = binary.AppendUvarint(dst, uint64(len(ent.Key)))
	dst = append(dst, ent.Key...)
	dst = binary.AppendVarint(dst, ent.ExpireAt)
	dst = binary.AppendUvarint(dst, ent.Version)
	return ent.Val.Append(dst)
}

func appendHead(dst []byte, now int64, version uint64) []byte {
	dst = append(dst, recordHead)
	dst = binary.AppendVarint(dst, now)
	return binary.AppendUvarint(dst, version)
}

func appendToken(dst []byte, token once.Token, due int64, reply []byte) []byte {
	dst = append(dst, recordToken)
	dst = append(dst, token[:]...)
	dst = binary.AppendVarint(dst, due)
	return value.AppendBytes(dst, reply)
}
