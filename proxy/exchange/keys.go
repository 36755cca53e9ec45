package exchange

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
)

// Keys makes Idempotency-Keys: 96 random bits, and a number for the request.
// Make it with NewKeys; not safe for concurrent use.
type Keys struct {
	prefix string
	next   uint64
}

// NewKeys returns Keys that no other Keys share.
func NewKeys() *Keys {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return &Keys{prefix: hex.EncodeToString(b[:]) + "-"}
}

// Append appends the next key.
func (k *Keys) Append(dst []byte) []byte {
	k.next++
	dst = append(dst, k.prefix...)
	return strconv.AppendUint(dst, k.next, 36)
}
