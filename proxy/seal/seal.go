// Package seal keeps private keys that proxies share in the store from those who can
// read the store, or a backup of it, but do not have the cluster's secret: AES-256 in
// GCM, under a key made from the secret for one purpose (RFC 5869). A cluster without
// a secret has nothing to seal with; what it keeps lies open, and says so.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrOpen is returned for what was sealed with another secret or for another
// purpose, or is not whole.
var ErrOpen = errors.New("sealed with another secret, or damaged")

const (
	open   = "open:"
	sealed = "sealed:"
)

// Box seals and opens. Make it with New; safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// New returns a Box for a purpose. Without a secret it seals nothing.
func New(secret []byte, purpose string) (*Box, error) {
	if len(secret) == 0 {
		return &Box{}, nil
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "pingd "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", purpose, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", purpose, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", purpose, err)
	}
	return &Box{aead}, nil
}

// Seal returns text that holds plain.
func (b *Box) Seal(plain []byte) string {
	if b.aead == nil {
		return open + base64.StdEncoding.EncodeToString(plain)
	}
	return sealed + base64.StdEncoding.EncodeToString(b.aead.Seal(nil, nil, plain, nil))
}

// Open returns what text holds. It fails with ErrOpen. A Box with a secret does not
// take what lies open: anybody could have put it there.
func (b *Box) Open(text string) ([]byte, error) {
	prefix := open
	if b.aead != nil {
		prefix = sealed
	}
	rest, ok := strings.CutPrefix(text, prefix)
	raw, err := base64.StdEncoding.DecodeString(rest)
	if !ok || err != nil {
		return nil, ErrOpen
	}
	if b.aead == nil {
		return raw, nil
	}
	plain, err := b.aead.Open(nil, nil, raw, nil)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}
