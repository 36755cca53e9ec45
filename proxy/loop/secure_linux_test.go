//go:build amd64 || arm64

package loop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pingd/proxy/wire"
)

// greeted returns both ends of a connection with TLS, after the handshake.
func greeted(t *testing.T) (server *tls.Conn, by *wire.Carrier, client *tls.Conn, tcp *net.TCPConn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = a.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { _ = a.Close() })
	b, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	by = wire.NewCarrier(wire.New(b))
	server = tls.Server(by, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	client = tls.Client(a, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // made for this test
	failed := make(chan error, 1)
	go func() { failed <- client.Handshake() }()
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return server, by, client, a.(*net.TCPConn)
}

// dialTLS is dial with TLS.
func (l *lab) dialTLS() (*tls.Conn, *net.TCPConn) {
	l.t.Helper()
	server, by, client, tcp := greeted(l.t)
	if !l.gate.TryEnter() {
		l.t.Fatal("no room")
	}
	l.gate.Accepted()
	if !l.e.Admit(server, by, netip.MustParseAddr("192.0.2.7")) {
		l.t.Fatal("not admitted")
	}
	return client, tcp
}

// sends answers one request of each connection with size bytes, which it makes of their
// place.
func sends(t *testing.T, size int) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				if n, _ := c.Read(make([]byte, 4096)); n > 0 {
					_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
					_, _ = c.Write(pattern(size))
				}
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

func pattern(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

// TestSecureSlowReader: a client that reads late, and little at a time, gets every byte
// in its place, although the socket takes only parts of what TLS makes.
func TestSecureSlowReader(t *testing.T) {
	const size = 6 << 20
	l := newLab(t, 1, nil, sends(t, size))
	c, tcp := l.dialTLS()
	_ = tcp.SetReadBuffer(64 << 10)
	if _, err := io.WriteString(c, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-time.After(50 * time.Millisecond) // for the socket to fill
	got, err := io.ReadAll(c)
	_, body, _ := bytes.Cut(got, []byte("\r\n\r\n"))
	if err != nil || !bytes.Equal(body, pattern(size)) {
		t.Errorf("%d of %d bytes, %v", len(body), size, err)
	}
	_ = c.Close()
	l.settled()
}

// TestSecureGarbage: what is not TLS ends the connection, between requests and within
// a head, and nobody else's.
func TestSecureGarbage(t *testing.T) {
	l := newLab(t, 1, nil, echo(t))
	other, _ := l.dialTLS()
	for _, before := range []string{"", "GET /x HT", "POST /x HTTP/1.1\r\nHost: h\r\nConte"} {
		c, tcp := l.dialTLS()
		if _, err := io.WriteString(c, before); before != "" && err != nil {
			t.Fatal(err)
		}
		_, _ = tcp.Write([]byte("\x17\x03\x03\x00\x1fthis is not what they agreed on"))
		if _, err := io.ReadAll(c); err == nil {
			t.Errorf("after %q: a proper end", before)
		}
		_ = c.Close()
	}
	_, _ = io.WriteString(other, "GET /still HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if got, err := io.ReadAll(other); err != nil || !strings.HasSuffix(string(got), "/still") {
		t.Errorf("%q, %v", got, err)
	}
	_ = other.Close()
	l.settled()
}

// TestSecureEnds: a record that comes in pieces, several requests in one, the client's
// notice that it sends nothing more, and the proxy's.
func TestSecureEnds(t *testing.T) {
	l := newLab(t, 2, nil, echo(t))
	c, _ := l.dialTLS()
	var three string
	for _, path := range []string{"/a", "/b", "/c"} {
		three += "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"
	}
	_, _ = io.WriteString(c, three)
	_ = c.CloseWrite()
	got, err := io.ReadAll(c)
	if err != nil || strings.Count(string(got), "HTTP/1.1 200 OK") != 3 || !strings.HasSuffix(string(got), "/c") {
		t.Errorf("%q, %v", got, err)
	}
	_ = c.Close()
	l.settled()

	idle, _ := l.dialTLS()
	late, by, _, _ := greeted(t)
	l.stop()
	if b, err := io.ReadAll(idle); len(b) != 0 || err != nil {
		t.Errorf("%q, %v at the end", b, err)
	}
	if l.e.Admit(late, by, netip.Addr{}) {
		t.Error("admitted after the end")
	}
	_ = late.Close()
}

// TestSecureHandOver: the engine behind gets the connection with its TLS, and what was
// read of the request.
func TestSecureHandOver(t *testing.T) {
	l := newLab(t, 1, nil, echo(t))
	c, _ := l.dialTLS()
	request := "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nand more"
	_, _ = io.WriteString(c, request)
	if got, err := io.ReadAll(c); string(got) != "adopted" || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", got, err)
	}
	if got := <-l.adopted; got != request {
		t.Errorf("handed over with %q", got)
	}
}
