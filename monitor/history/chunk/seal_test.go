package chunk

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// seal appends the checksum that makes b whole.
func seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clone(b), crc32.Checksum(b, table))
}
