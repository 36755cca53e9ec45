package counter

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"sync/atomic"
)

// maxIdempotencyKey bounds the header's length in bytes.
const maxIdempotencyKey = 255

// maxToken is enough for most tokens: only a longer one takes more than one piece
// of memory.
const maxToken = 320

var (
	errKeyRepeated = errors.New("more than one Idempotency-Key")
	errKeyInvalid  = errors.New("Idempotency-Key must be 1 to 255 visible ASCII characters")
)

// tokens gives each visit the token under which the store counts it once.
//
// The first letter keeps the two kinds apart. A visitor's also carries the
// counter's key, since the store remembers a token whatever it was used for: one
// Idempotency-Key sent to counters with different keys is two visits. A space,
// which no part can hold, separates the parts.
type tokens struct {
	own    string // prefix of our own, unlike that of any other process
	client string // prefix of those that visitors bring
	seq    atomic.Uint64
}

// newTokens makes a prefix of 128 random bits: two processes, or one before and
// after a restart, never share a token.
func newTokens(key string) *tokens {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return &tokens{
		own:    "v " + base64.RawURLEncoding.EncodeToString(id[:]) + " ",
		client: "k " + key + " ",
	}
}

// next returns the token of a visit with so many Idempotency-Key fields, the last
// of which is key: the one made from it, or a new one.
func (t *tokens) next(keys int, key []byte) (string, error) {
	var buf [maxToken]byte
	switch keys {
	case 0:
		return string(strconv.AppendUint(append(buf[:0], t.own...), t.seq.Add(1), 36)), nil
	case 1:
		if len(key) > maxIdempotencyKey || !visible(key) {
			return "", errKeyInvalid
		}
		return string(append(append(buf[:0], t.client...), key...)), nil
	default:
		return "", errKeyRepeated
	}
}

// visible reports whether s is not empty and holds only visible ASCII (VCHAR of
// RFC 5234: no space, no control character).
func visible[T ~string | ~[]byte](s T) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return len(s) > 0
}
