package bus

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certificate returns one that nobody signed: who trusts whom is not this package's.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, InsecureSkipVerify: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
}

// startTLS is start with TLS on both sides of the bus.
func startTLS(t *testing.T, id Identity, secret string) (*Bus, string) {
	t.Helper()
	b, addr := start(t, id, secret, func(c *Config) {
		cfg := certificate(t)
		c.Listener = tls.NewListener(c.Listener, cfg)
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", addr)
		}
	})
	return b, addr
}

func TestHandshakeOverTLS(t *testing.T) {
	a, _ := startTLS(t, Identity{"c", "a", "1"}, "s")
	_, addr := startTLS(t, Identity{"c", "b", "2"}, "s")
	cl, err := a.Connect(bounded(t), addr, Forward)
	if err != nil || cl.Peer.Name != "b" {
		t.Fatal(err)
	}
	defer cl.Close()
	if reply, err := cl.Call(bounded(t), 1, []byte("hello")); err != nil || string(reply) != "a:hello" {
		t.Errorf("%q %v", reply, err)
	}
	wrong, _ := startTLS(t, Identity{"c", "w", "3"}, "S")
	if _, _, err := wrong.Dial(bounded(t), addr, Forward); !errors.Is(err, ErrSecret) {
		t.Errorf("another secret: %v", err)
	}
}

// Somebody between two nodes, with a certificate that both accept, passes on what they
// say: without the secret that does not make a connection.
func TestProofsCannotBePassedOn(t *testing.T) {
	a, _ := startTLS(t, Identity{"c", "a", "1"}, "s")
	_, addr := startTLS(t, Identity{"c", "b", "2"}, "s")
	cfg := certificate(t)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	between := tls.NewListener(plain, cfg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		in, err := between.Accept()
		if err != nil {
			return
		}
		defer in.Close()
		out, err := tls.Dial("tcp", addr, cfg)
		if err != nil {
			t.Error(err)
			return
		}
		defer out.Close()
		back := make(chan struct{})
		go func() { defer close(back); _, _ = io.Copy(in, out) }()
		_, _ = io.Copy(out, in)
		_ = out.Close()
		<-back
	}()
	if _, _, err := a.Dial(bounded(t), plain.Addr().String(), Forward); !errors.Is(err, ErrSecret) {
		t.Errorf("passed on: %v", err)
	}
	_ = between.Close()
	<-done
}

// lines are those of a log.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestOneSideWithoutTLS(t *testing.T) {
	logged := make(chan string, 10)
	without, addr := start(t, Identity{"c", "a", "1"}, "s", func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(lines(logged), nil))
	})
	with, _ := startTLS(t, Identity{"c", "b", "2"}, "s")
	if _, _, err := with.Dial(bounded(t), addr, Control); err == nil {
		t.Error("a node with TLS reached one without")
	}
	if line := <-logged; !strings.Contains(line, "refused bus connection") || !strings.Contains(line, "speaks TLS") {
		t.Errorf("log: %s", line)
	}

	// The listening side with TLS says one byte to one without.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err == nil {
			_, _ = io.ReadFull(c, make([]byte, 5))
			_, _ = io.WriteString(c, WantsTLS)
			_ = c.Close()
		}
	}()
	_, _, err = without.Dial(bounded(t), ln.Addr().String(), Control)
	if !errors.Is(err, ErrTLS) || !strings.Contains(err.Error(), "hint: ") {
		t.Errorf("a node without TLS at one with: %v", err)
	}
}
