package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
)

// ErrMalformed is returned for bytes that are no header of either version.
var ErrMalformed = errors.New("not a PROXY protocol header")

// Header is what a header tells.
type Header struct {
	// Source and Destination are the client and what it connected to. Both are
	// not valid when the connection is the proxy's own, such as a health check
	// (LOCAL), or of a kind that has no such addresses (UNKNOWN): the addresses
	// of the connection itself hold then.
	Source, Destination netip.AddrPort
}

const (
	// MaxLen bounds a header: bytes that are none after that many never will be.
	MaxLen = 16 + maxBody

	maxLine = 107      // version 1, CRLF included
	maxBody = 4 << 10  // version 2: addresses and the extensions behind them
	signed  = "PROXY " // version 1
	magic   = "\r\n\r\n\x00\r\nQUIT\n"
)

// Parse reads a header from the start of buf. It returns its length, 0 when more
// bytes are needed, or ErrMalformed, at the first byte that cannot be right.
func Parse(buf []byte) (h Header, n int, err error) {
	switch {
	case len(buf) == 0:
		return h, 0, nil
	case buf[0] == signed[0]:
		return parseText(buf)
	case buf[0] == magic[0]:
		return parseBinary(buf)
	}
	return h, 0, ErrMalformed
}

// parseText reads version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n".
func parseText(buf []byte) (h Header, n int, err error) {
	if k := min(len(buf), len(signed)); string(buf[:k]) != signed[:k] {
		return h, 0, ErrMalformed
	}
	end := bytes.IndexByte(buf[:min(len(buf), maxLine)], '\n')
	if end < 0 {
		if len(buf) >= maxLine {
			return h, 0, ErrMalformed
		}
		return h, 0, nil
	}
	if buf[end-1] != '\r' {
		return h, 0, ErrMalformed
	}
	words := bytes.Split(buf[len(signed):end-1], []byte(" "))
	n = end + 1
	if string(words[0]) == "UNKNOWN" {
		return h, n, nil // what follows is to be ignored
	}
	four := string(words[0]) == "TCP4"
	if !four && string(words[0]) != "TCP6" || len(words) != 5 {
		return h, 0, ErrMalformed
	}
	src, ok1 := address(words[1], words[3], four)
	dst, ok2 := address(words[2], words[4], four)
	if !ok1 || !ok2 {
		return h, 0, ErrMalformed
	}
	return Header{src, dst}, n, nil
}

func address(host, port []byte, four bool) (netip.AddrPort, bool) {
	ip, err := netip.ParseAddr(string(host))
	if err != nil || ip.Zone() != "" || ip.Is4() != four {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(string(port), 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), true
}

// parseBinary reads version 2.
func parseBinary(buf []byte) (h Header, n int, err error) {
	if k := min(len(buf), len(magic)); string(buf[:k]) != magic[:k] {
		return h, 0, ErrMalformed
	}
	if len(buf) < 16 {
		return h, 0, nil
	}
	command, family, size := buf[12], buf[13], int(binary.BigEndian.Uint16(buf[14:]))
	if command>>4 != 2 || command&15 > 1 || family&15 > 2 || family>>4 > 3 || size > maxBody {
		return h, 0, ErrMalformed
	}
	if len(buf) < 16+size {
		return h, 0, nil
	}
	body := buf[16 : 16+size]
	n = 16 + size
	if command&15 == 0 { // LOCAL
		return h, n, nil
	}
	switch family {
	case 0x11: // TCP over IPv4
		if len(body) < 12 {
			return h, 0, ErrMalformed
		}
		h.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body)), binary.BigEndian.Uint16(body[8:]))
		h.Destination = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[4:])), binary.BigEndian.Uint16(body[10:]))
	case 0x21: // TCP over IPv6
		if len(body) < 36 {
			return h, 0, ErrMalformed
		}
		h.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body)).Unmap(), binary.BigEndian.Uint16(body[32:]))
		h.Destination = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[16:])).Unmap(), binary.BigEndian.Uint16(body[34:]))
	}
	return h, n, nil // others carry no address that means anything here
}
