package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestDialSelf(t *testing.T) {
	a, b := newAuthority(t, "a"), newAuthority(t, "b")
	files := func(a *authority) Files {
		cert, key := a.sign(forNodes, func(c *x509.Certificate) { c.IPAddresses = nil }, "node1.example")
		f := write(t, cert, key, a.pem)
		return Files{f[0], f[1], f[2]}
	}
	server := open(t, Config{Files: files(a), Serves: true})
	addr := echo(t, server, Verified)
	self := func(k *Keeper) error {
		return talk(within(t), func(ctx context.Context) (net.Conn, error) { return k.DialSelf(ctx, addr) })
	}
	if err := self(server); err != nil {
		t.Errorf("the own certificate: %v", err)
	}
	if err := self(open(t, Config{Files: files(a), Serves: true})); err != nil {
		t.Errorf("the certificate of another node: %v", err)
	}
	if err := self(open(t, Config{Files: files(b), Serves: true})); !isType[x509.UnknownAuthorityError](err) {
		t.Errorf("a stranger on the own port: %v", err)
	}
}

// A certificate is renewed in place: connections stand, new ones see the new one.
func TestFilesAreReadAgain(t *testing.T) {
	a := newAuthority(t, "a")
	var log bytes.Buffer
	files := a.filesOf(forNodes)
	server := open(t, Config{Files: files, Serves: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	addr := echo(t, server, Verified)
	client := open(t, Config{Files: a.filesOf(forNodes)})
	shown := func() string {
		t.Helper()
		server.mu.Lock()
		server.looked = time.Time{} // as if a second had passed
		server.mu.Unlock()
		c, err := client.Dial(within(t), addr, "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := hello(c); err != nil {
			t.Fatal(err)
		}
		return c.(*outgoing).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	standing, err := client.Dial(within(t), addr, "")
	if err != nil {
		t.Fatal(err)
	}
	defer standing.Close()
	if err := hello(standing); err != nil {
		t.Fatal(err)
	}
	first := shown()

	cert, key := a.sign(forNodes, nil)
	replace(t, files.Cert, cert) // the key is still the old one
	if shown() != first {
		t.Error("half of a change was used")
	}
	shown()
	if n := strings.Count(log.String(), "changed files are not used"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
	replace(t, files.Key, key)
	second := shown()
	if second == first {
		t.Error("the new certificate is not shown")
	}
	if err := os.Remove(files.Cert); err != nil {
		t.Fatal(err)
	}
	if shown() != second {
		t.Error("a file that is gone changed something")
	}
	replace(t, files.Cert, cert)

	// The authority changes: first both are trusted, then all are signed anew, then
	// the old one is no longer trusted.
	b := newAuthority(t, "b")
	both := append(append([]byte{}, a.pem...), b.pem...)
	replace(t, files.CA, both)
	if shown() != second {
		t.Error("another certificate")
	}
	replace(t, client.cfg.CA, both)
	client.mu.Lock()
	client.looked = time.Time{}
	client.mu.Unlock()
	cert, key = b.sign(forNodes, nil)
	replace(t, files.Cert, cert)
	replace(t, files.Key, key)
	if shown() == second {
		t.Error("the certificate of the new authority is not shown")
	}
	replace(t, files.CA, b.pem)
	server.mu.Lock()
	server.looked = time.Time{}
	server.mu.Unlock()
	if err := talk(within(t), func(ctx context.Context) (net.Conn, error) { return client.Dial(ctx, addr, "") }); err == nil {
		t.Error("a certificate of the old authority lets in")
	}
	if err := hello(standing); err != nil {
		t.Errorf("a connection that stood throughout: %v", err)
	}
}

// Without handshakes nothing is read; with many, once a second.
func TestLooksAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, "a")
		files := a.filesOf(forNodes)
		k := open(t, Config{Files: files, Serves: true})
		was := k.current()
		cert, key := a.sign(forNodes, nil)
		replace(t, files.Cert, cert)
		replace(t, files.Key, key)
		if k.current() != was {
			t.Error("looked at once")
		}
		<-time.After(lookEvery)
		if k.current() == was {
			t.Error("not looked after a second")
		}
	})
}

func TestMetrics(t *testing.T) {
	a := newAuthority(t, "a")
	k := open(t, Config{Files: a.filesOf(forNodes), Serves: true})
	r := prometheus.NewPedanticRegistry()
	if err := k.Register(r); err != nil {
		t.Fatal(err)
	}
	if n, err := testutil.GatherAndCount(r); n != 2 || err != nil {
		t.Errorf("%d metrics, %v", n, err)
	}
}
