package proxyproto

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
)

// Version is which of the two spellings is written.
type Version uint8

// The versions; Off writes nothing.
const (
	Off Version = iota
	V1          // a line of text
	V2          // binary
)

// ParseVersion reads "v1" or "v2".
func ParseVersion(s string) (Version, error) {
	switch s {
	case "v1":
		return V1, nil
	case "v2":
		return V2, nil
	}
	return Off, fmt.Errorf("%q is neither v1 nor v2", s)
}

// String returns what ParseVersion reads; Off is empty.
func (v Version) String() string { return [...]string{"", "v1", "v2"}[min(v, V2)] }

// Append appends the header for a connection from src to dst. Addresses of
// different families are told as those of IPv6, and ones that are not valid as
// unknown.
func (v Version) Append(b []byte, src, dst netip.AddrPort) []byte {
	known := src.IsValid() && dst.IsValid()
	s, d := src.Addr().Unmap().WithZone(""), dst.Addr().Unmap().WithZone("")
	four := known && s.Is4() && d.Is4()
	switch {
	case v == V1 && !known:
		return append(b, "PROXY UNKNOWN\r\n"...)
	case v == V1:
		return appendText(b, s, d, src.Port(), dst.Port(), four)
	case v == V2 && !known:
		return append(append(b, magic...), 0x20, 0, 0, 0)
	case v == V2:
		return appendBinary(b, s, d, src.Port(), dst.Port(), four)
	}
	return b
}

func appendText(b []byte, s, d netip.Addr, sport, dport uint16, four bool) []byte {
	if four {
		b = append(b, "PROXY TCP4 "...)
	} else {
		b = append(b, "PROXY TCP6 "...)
		s, d = netip.AddrFrom16(s.As16()), netip.AddrFrom16(d.As16())
	}
	b = append(s.AppendTo(b), ' ')
	b = append(d.AppendTo(b), ' ')
	b = strconv.AppendUint(b, uint64(sport), 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(dport), 10)
	return append(b, '\r', '\n')
}

func appendBinary(b []byte, s, d netip.Addr, sport, dport uint16, four bool) []byte {
	b = append(b, magic...)
	if four {
		b = append(b, 0x21, 0x11, 0, 12)
		b = append(append(b, s.AsSlice()...), d.AsSlice()...)
	} else {
		s16, d16 := s.As16(), d.As16()
		b = append(b, 0x21, 0x21, 0, 36)
		b = append(append(b, s16[:]...), d16[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, sport)
	return binary.BigEndian.AppendUint16(b, dport)
}
