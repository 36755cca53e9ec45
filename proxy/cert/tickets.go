package cert

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Ticket keys encrypt what a client shows to resume a session (RFC 8446 section
// 4.6.1). All proxies of a cluster have the same, so that a client resumes with
// whichever it meets. Whoever has one can read sessions of TLS 1.2 that were resumed
// with it: so they are changed often and kept no longer than they are of use.
const (
	// RotateEvery is the age at which a new key takes over.
	RotateEvery = 4 * time.Hour
	// keyLife is for how long a key is understood.
	keyLife = 24 * time.Hour
	maxKeys = int(keyLife/RotateEvery) + 2
	keySize = 32
)

// ErrTicketKeys is returned for text that is no list of keys.
var ErrTicketKeys = errors.New("not a list of ticket keys")

// TicketKey is one key.
type TicketKey struct {
	Made   time.Time `json:"made"`
	Secret []byte    `json:"secret"`
}

// TicketKeys are the keys of a cluster, the newest first.
type TicketKeys []TicketKey

// Rotate returns the keys at now, and whether they differ from k: a new one comes
// first when the newest is too old, and those that are out of use leave. One that
// was made in the future, by a clock that is wrong, counts as made now.
func (k TicketKeys) Rotate(now time.Time) (TicketKeys, bool) {
	kept := slices.Clone(k)
	kept = slices.DeleteFunc(kept, func(t TicketKey) bool { return now.Sub(t.Made) >= keyLife })
	kept = kept[:min(len(kept), maxKeys)]
	if len(kept) > 0 && now.Sub(kept[0].Made) < RotateEvery {
		return kept, len(kept) != len(k)
	}
	fresh := TicketKey{Made: now, Secret: make([]byte, keySize)}
	_, _ = rand.Read(fresh.Secret) // never fails: crypto/rand ends the process instead
	kept = append(TicketKeys{fresh}, kept...)
	return kept[:min(len(kept), maxKeys)], true
}

// Secrets returns the keys for tls.Config.SetSessionTicketKeys.
func (k TicketKeys) Secrets() [][keySize]byte {
	all := make([][keySize]byte, len(k))
	for i, t := range k {
		copy(all[i][:], t.Secret)
	}
	return all
}

// Encode returns the keys as ParseTicketKeys reads them.
func (k TicketKeys) Encode() ([]byte, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encode ticket keys: %w", err)
	}
	return text, nil
}

// ParseTicketKeys reads what Encode wrote.
func ParseTicketKeys(text []byte) (k TicketKeys, err error) {
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTicketKeys, err)
	}
	for _, t := range k {
		if len(t.Secret) != keySize {
			return nil, fmt.Errorf("%w: a key has %d bytes", ErrTicketKeys, len(t.Secret))
		}
	}
	slices.SortStableFunc(k, func(a, b TicketKey) int { return b.Made.Compare(a.Made) })
	return k[:min(len(k), maxKeys)], nil
}
