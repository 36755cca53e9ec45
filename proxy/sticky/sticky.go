// Package sticky names servers in cookies, so that a client comes back to the
// server that it was on (HAProxy's "cookie NAME insert"). It is pure.
//
// What a cookie holds is opaque: a keyed hash of the server's name. It tells a
// client nothing about the servers behind the proxy and cannot be made up, and all
// proxies of a cluster understand it, as they have the key in common.
package sticky

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Len is the length of a Mark.
const Len = 16

// Mark is what stands for a server in a cookie.
type Mark [Len]byte

// MarkOf returns the mark of a server of a service under key.
func MarkOf(key []byte, service, server string) (m Mark) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("sticky\x00" + service + "\x00" + server))
	hex.Encode(m[:], mac.Sum(nil)[:Len/2])
	return m
}

// CheckName returns what is wrong with the name of a cookie (RFC 6265 section
// 4.1.1), or nil.
func CheckName(name string) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("%q is not the name of a cookie: 1 to 64 characters", name)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;:\"/[]?={}`), c) >= 0 {
			return fmt.Errorf("%q is not the name of a cookie: %q may not stand in it", name, c)
		}
	}
	return nil
}

// Find returns the value of the cookie with this name in a Cookie field (RFC 6265
// section 4.2.1), or nil. Of several with one name the first counts.
func Find(field []byte, name string) []byte {
	for len(field) > 0 {
		var pair []byte
		pair, field, _ = bytes.Cut(field, []byte(";"))
		pair = bytes.Trim(pair, " \t")
		if len(pair) > len(name) && pair[len(name)] == '=' && string(pair[:len(name)]) == name {
			return pair[len(name)+1:]
		}
	}
	return nil
}

// AppendField appends the Set-Cookie line that gives a client its server: a cookie
// for the session, out of reach of scripts, not sent along by other sites' forms,
// and with secure only over TLS.
func AppendField(dst []byte, name string, m *Mark, secure bool) []byte {
	dst = append(dst, "Set-Cookie: "...)
	dst = append(dst, name...)
	dst = append(dst, '=')
	dst = append(dst, m[:]...)
	dst = append(dst, "; Path=/; HttpOnly; SameSite=Lax"...)
	if secure {
		dst = append(dst, "; Secure"...)
	}
	return append(dst, '\r', '\n')
}
