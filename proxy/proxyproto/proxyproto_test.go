package proxyproto

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func ports(src, dst string) Header {
	return Header{netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)}
}

var (
	four = "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x01\xbb"
	six  = "\x21\x21\x00\x24" + strings.Repeat("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 2) + "\xdc\x04\x01\xbb"
)

var good = []struct {
	bytes string
	want  Header
}{
	{"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", ports("192.0.2.1:56324", "192.0.2.2:443")},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 0 65535\r\n", ports("192.0.2.1:0", "192.0.2.2:65535")},
	{"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", ports("[2001:db8::1]:56324", "[2001:db8::2]:443")},
	{"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n", ports("192.0.2.1:1", "192.0.2.2:2")},
	{"PROXY UNKNOWN\r\n", Header{}},
	{"PROXY UNKNOWN ffff:f...f:ffff what ever 1 2\r\n", Header{}},
	{magic + four, ports("192.0.2.1:56324", "192.0.2.2:443")},
	{magic + "\x21\x11\x00\x12" + four[4:] + "\x04\x00\x03abc", ports("192.0.2.1:56324", "192.0.2.2:443")}, // with an extension
	{magic + six, ports("[2001:db8::1]:56324", "[2001:db8::1]:443")},
	{magic + "\x20\x00\x00\x00", Header{}},                            // LOCAL
	{magic + "\x20\x11\x00\x0c" + four[4:], Header{}},                 // LOCAL: the addresses mean nothing
	{magic + "\x21\x00\x00\x00", Header{}},                            // UNSPEC
	{magic + "\x21\x12\x00\x0c" + four[4:], Header{}},                 // UDP
	{magic + "\x21\x31\x00\xd8" + strings.Repeat("x", 216), Header{}}, // UNIX
}

func TestParse(t *testing.T) {
	for _, c := range good {
		got, n, err := Parse([]byte(c.bytes + "GET / HTTP/1.1\r\n"))
		if got != c.want || n != len(c.bytes) || err != nil {
			t.Errorf("%q: %+v, %d bytes, %v", c.bytes, got, n, err)
		}
		for cut := range len(c.bytes) { // it may come in any pieces
			if _, n, err := Parse([]byte(c.bytes[:cut])); n != 0 || err != nil {
				t.Errorf("%q: %d bytes, %v", c.bytes[:cut], n, err)
			}
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\n", "\x16\x03\x01", "PROXX", "PROXY \r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
		"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
		"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
		"PROXY UNKNOWN" + strings.Repeat("x", 200), "\r\n\r\nGET", magic + "\x11\x11\x00\x0c" + four[4:], magic + "\x22\x11\x00\x0c",
		magic + "\x21\x11\x00\x04abcd", magic + "\x21\x21\x00\x0c" + four[4:], magic + "\x21\x41\x00\x00", magic + "\x21\x13\x00\x00",
		magic + "\x21\x11\xff\xff",
	} {
		got, n, err := Parse([]byte(s))
		if !errors.Is(err, ErrMalformed) || n != 0 || got != (Header{}) {
			t.Errorf("%q: %+v, %d bytes, %v", s, got, n, err)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		v        Version
		src, dst string
		want     string
	}{
		{V1, "192.0.2.1:56324", "192.0.2.2:443", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"},
		{V1, "[::ffff:192.0.2.1]:56324", "192.0.2.2:443", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"},
		{V1, "[2001:db8::1]:56324", "192.0.2.2:443", "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 56324 443\r\n"},
		{V1, "[fe80::1%eth0]:1", "[fe80::2]:2", "PROXY TCP6 fe80::1 fe80::2 1 2\r\n"},
		{V1, "", "192.0.2.2:443", "PROXY UNKNOWN\r\n"},
		{V2, "192.0.2.1:56324", "192.0.2.2:443", magic + four},
		{V2, "[2001:db8::1]:56324", "[2001:db8::1]:443", magic + six},
		{V2, "192.0.2.1:56324", "", magic + "\x20\x00\x00\x00"},
		{Off, "192.0.2.1:56324", "192.0.2.2:443", ""},
	} {
		src, _ := netip.ParseAddrPort(c.src)
		dst, _ := netip.ParseAddrPort(c.dst)
		if got := string(c.v.Append(nil, src, dst)); got != c.want {
			t.Errorf("%s from %s to %s: %q", c.v, c.src, c.dst, got)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, s := range []string{"v1", "v2"} {
		if v, err := ParseVersion(s); err != nil || v.String() != s {
			t.Errorf("%s: %v, %v", s, v, err)
		}
	}
	if _, err := ParseVersion("3"); err == nil || Off.String() != "" {
		t.Error(err)
	}
}

// FuzzParse: no bytes are read both as a header and as the start of a request, a
// header is never longer than MaxLen, and what it says can be said again.
func FuzzParse(f *testing.F) {
	for _, c := range good {
		f.Add([]byte(c.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Parse(b)
		if n > len(b) || n > MaxLen || (err != nil && n != 0) || (n == 0 && err == nil && len(b) >= MaxLen) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if h.Source.IsValid() != h.Destination.IsValid() {
			t.Fatalf("%+v", h)
		}
		if !h.Source.IsValid() {
			return
		}
		for _, v := range []Version{V1, V2} {
			if again, _, err := Parse(v.Append(nil, h.Source, h.Destination)); err != nil || again != h {
				t.Fatalf("%+v became %+v, %v", h, again, err)
			}
		}
	})
}

// TestAccept sends a header and what follows in pieces of all sizes.
func TestAccept(t *testing.T) {
	text := good[0].bytes + "hello"
	for size := 1; size <= len(text); size++ {
		here, there := net.Pipe()
		go func() {
			for rest := text; len(rest) > 0; {
				n := min(size, len(rest))
				_, _ = io.WriteString(there, rest[:n])
				rest = rest[n:]
			}
			_ = there.Close()
		}()
		c, err := Accept(here, time.Now().Add(10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(c)
		if string(body) != "hello" || err != nil || c.RemoteAddr().String() != "192.0.2.1:56324" || c.LocalAddr().String() != "192.0.2.2:443" {
			t.Errorf("in pieces of %d: %q, %v, from %v to %v", size, body, err, c.RemoteAddr(), c.LocalAddr())
		}
		_ = c.Close()
	}
	for _, text := range []string{"GET / HTTP/1.1\r\n", "PROXY TCP4 1.2"} {
		here, there := net.Pipe()
		go func() { _, _ = io.WriteString(there, text); _ = there.Close() }()
		if _, err := Accept(here, time.Now().Add(10*time.Second)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
		_ = here.Close()
	}
	here, there := net.Pipe()
	defer there.Close()
	if _, err := Accept(here, time.Now().Add(10*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	local := &Conn{Conn: here}
	if local.RemoteAddr() != here.RemoteAddr() || local.LocalAddr() != here.LocalAddr() || local.NetConn() != here || local.CloseWrite() != nil {
		t.Error("a connection of the proxy's own has its own addresses")
	}
}
