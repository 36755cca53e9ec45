package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"
)

// secured returns both ends of a TLS connection, the first one over a Carrier.
func secured(t *testing.T) (*Conn, *tls.Conn) {
	t.Helper()
	c, peer := pair(t)
	by := NewCarrier(c)
	if by == nil {
		t.Skip("this system has no raw calls")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	over := tls.Server(by, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	client := tls.Client(peer, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // made for this test
	failed := make(chan error, 1)
	go func() { failed <- client.Handshake() }()
	if err := over.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return New(over), client
}

// TestOverCarrier: all sizes arrive, both ways, limits strike and are survived.
func TestOverCarrier(t *testing.T) {
	c, client := secured(t)
	buf := make([]byte, 100)
	if _, err := c.Read(buf, soon(30*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing to read: %v", err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _, _ = io.Copy(client, io.LimitReader(client, 1+20<<10+300<<10)) }() // an echo
	for _, size := range []int{1, 20 << 10, 300 << 10} {
		sent := bytes.Repeat([]byte{byte(size), 7, byte(size >> 8)}, size/3+1)[:size]
		wrote := make(chan error, 1)
		go func() { wrote <- c.Write(sent, 20*time.Second) }()
		got := make([]byte, size)
		for n := 0; n < size; {
			m, err := c.Read(got[n:], soon(20*time.Second))
			if err != nil {
				t.Fatalf("%d bytes of %d: %v", n, size, err)
			}
			n += m
		}
		if err := <-wrote; err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes: %v, the same: %v", size, err, bytes.Equal(got, sent))
		}
	}
	<-done
	c.Interrupt()
	if _, err := c.Read(buf, soon(time.Minute)); !errors.Is(err, ErrInterrupted) {
		t.Error(err)
	}
	c.Resume()
	if _, err := client.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(buf, soon(20*time.Second)); string(buf[:n]) != "still here" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if n, err := client.Read(buf); n != 0 || err != io.EOF {
		t.Errorf("%d, %v after a proper end", n, err)
	}
}

// TestCarrierStalls: a client that takes nothing ends the write.
func TestCarrierStalls(t *testing.T) {
	c, _ := secured(t)
	began := time.Now()
	err := c.Write(make([]byte, 64<<20), 50*time.Millisecond)
	if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	c.Abort()
}

// TestCarrierGathers: what TLS writes in pieces leaves as one.
func TestCarrierGathers(t *testing.T) {
	c, peer := pair(t)
	by := NewCarrier(c)
	if by == nil {
		t.Skip("this system has no raw calls")
	}
	var _ net.Conn = by
	by.gather(time.Second)
	for _, part := range []string{"one ", "and ", "the other"} {
		if n, err := by.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	_ = peer.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	buf := make([]byte, 100)
	if n, err := peer.Read(buf); err == nil {
		t.Errorf("%q has left already", buf[:n])
	}
	_ = peer.SetReadDeadline(time.Now().Add(20 * time.Second))
	if err := by.send(); err != nil {
		t.Fatal(err)
	}
	if n, err := peer.Read(buf); string(buf[:n]) != "one and the other" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	// And nothing waits any more.
	if _, err := by.Write([]byte("at once")); err != nil {
		t.Fatal(err)
	}
	if n, err := peer.Read(buf); string(buf[:n]) != "at once" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if by.held != nil {
		t.Error("memory is kept")
	}
}
