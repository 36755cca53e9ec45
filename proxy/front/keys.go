package front

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// keys makes Idempotency-Keys: a part of 96 random bits for this process, and a
// number for the request.
type keys struct {
	prefix string
	next   *atomic.Uint64
}

func newKeys() keys {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return keys{prefix: hex.EncodeToString(b[:]) + "-", next: new(atomic.Uint64)}
}

func (k keys) append(dst []byte) []byte {
	dst = append(dst, k.prefix...)
	return strconv.AppendUint(dst, k.next.Add(1), 36)
}
