package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair makes a self-signed certificate for names and its key, in PEM.
func pair(t testing.TB, useRSA bool, names ...string) (certificate, key []byte) {
	t.Helper()
	var signer crypto.Signer
	var err error
	if useRSA {
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func write(t testing.TB, path string, parts ...[]byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	c1, k1 := pair(t, false, "one.example")
	c2, k2 := pair(t, false, "two.example")
	ca, _ := pair(t, false, "authority")
	both := write(t, filepath.Join(dir, "a.pem"), k1, c1, ca)
	crt := write(t, filepath.Join(dir, "b.crt"), c2)
	write(t, filepath.Join(dir, "b.key"), k2)
	bot := write(t, filepath.Join(dir, "live", "fullchain.pem"), c1, ca)
	write(t, filepath.Join(dir, "live", "privkey.pem"), k1)
	write(t, filepath.Join(dir, "live", "chain.pem"), ca)
	write(t, filepath.Join(dir, "ca.pem"), ca) // without a key: not ours to show
	write(t, filepath.Join(dir, "dhparam.pem"), []byte("-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"))
	write(t, filepath.Join(dir, "README"), []byte("hello"))
	haproxy := write(t, filepath.Join(t.TempDir(), "x.pem"), c1)
	write(t, haproxy+".key", k1)
	for path, want := range map[string]string{
		both: "one.example", crt: "two.example", bot: "one.example", haproxy: "one.example", filepath.Join(dir, "live"): "one.example", dir: "one.example two.example one.example",
	} {
		certs, err := Load(path)
		var got []string
		for _, c := range certs {
			got = append(got, namesOf(c.Leaf)...)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	alone := write(t, filepath.Join(t.TempDir(), "alone.pem"), c1)
	if _, err := Load(alone); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Load(filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Load(write(t, filepath.Join(t.TempDir(), "wrong.pem"), c1, k2)); err == nil {
		t.Error("another certificate's key is accepted")
	}
}

// shown returns the name of the certificate that a client gets from b.
func shown(t testing.TB, b *Book, name string, change func(*tls.Config)) string {
	t.Helper()
	here, there := net.Pipe()
	done := make(chan error, 1)
	go func() {
		srv := tls.Server(there, b.Config())
		done <- srv.Handshake()
		_, _ = io.Copy(io.Discard, srv)
		_ = there.Close()
	}()
	cfg := &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}
	if change != nil {
		change(cfg)
	}
	c := tls.Client(here, cfg)
	err := c.Handshake()
	_ = here.Close()
	<-done
	if err != nil {
		return "error"
	}
	s := c.ConnectionState()
	return s.PeerCertificates[0].Subject.CommonName + " " + s.NegotiatedProtocol
}

func book(t testing.TB, names ...[]string) *Book {
	t.Helper()
	b := NewBook()
	for i, n := range names {
		c, k := pair(t, strings.HasPrefix(n[0], "rsa"), n...)
		x, err := Load(write(t, filepath.Join(t.TempDir(), "c.pem"), c, k))
		if err != nil {
			t.Fatal(err)
		}
		b.Put(string(rune('z'-i)), x)
	}
	return b
}

func TestNames(t *testing.T) {
	b := book(t, []string{"first.example"}, []string{"two.example", "*.two.example"}, []string{"www.two.example"}, []string{"10.0.0.1"})
	for name, want := range map[string]string{
		"first.example":     "first.example h2",
		"FIRST.example":     "first.example h2",
		"two.example":       "two.example h2",
		"a.two.example":     "two.example h2",
		"a.b.two.example":   "first.example h2",
		"www.two.example":   "www.two.example h2",
		"unknown.example":   "first.example h2",
		"first.example.org": "first.example h2",
		"":                  "first.example h2",
	} {
		if got := shown(t, b, name, nil); got != want {
			t.Errorf("%q is shown %q, want %q", name, got, want)
		}
	}
	if infos := b.List(); len(infos) != 4 || infos[0].Names[0] != "first.example" || infos[3].Names[0] != "10.0.0.1" || infos[1].Ends.Before(time.Now()) {
		t.Errorf("%+v", infos)
	}
	if got := shown(t, NewBook(), "x", nil); got != "error" {
		t.Errorf("without certificates: %s", got)
	}
}

// TestBothKindsOfKey: a client that does not understand one kind gets the other.
func TestBothKindsOfKey(t *testing.T) {
	b := book(t, []string{"ecdsa", "x.example"}, []string{"rsa", "x.example"})
	if got := shown(t, b, "x.example", nil); got != "ecdsa h2" {
		t.Error(got)
	}
	if got := shown(t, b, "x.example", func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	}); got != "rsa h2" {
		t.Error(got)
	}
}

func TestWhatIsRefused(t *testing.T) {
	b := book(t, []string{"rsa"})
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.1": func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		"CBC": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
		},
		"RSA exchange": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		},
		"other protocol": func(c *tls.Config) { c.NextProtos = []string{"smtp"} },
	} {
		if got := shown(t, b, "rsa", change); got != "error" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := shown(t, b, "rsa", func(c *tls.Config) { c.NextProtos = nil }); got != "rsa " {
		t.Error(got)
	}
}

func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.crt")
	key := strings.TrimSuffix(path, ".crt") + ".key"
	put := func(name string) (c, k []byte) {
		c, k = pair(t, false, name)
		return c, k
	}
	c1, k1 := put("old.example")
	write(t, path, c1)
	write(t, key, k1)
	b := NewBook()
	var log bytes.Buffer
	f, err := NewFiles(b, []string{path}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	f.look()
	if log.Len() > 0 {
		t.Errorf("nothing has changed: %s", &log)
	}
	c2, k2 := put("new.example")
	write(t, path, c2)
	f.look()
	if got := shown(t, b, "", nil); got != "old.example h2" || !strings.Contains(log.String(), "stay in use") {
		t.Errorf("half a pair: %s, %s", got, &log)
	}
	write(t, key, k2)
	f.look()
	if got := shown(t, b, "", nil); got != "new.example h2" {
		t.Errorf("replaced: %s, %s", got, &log)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f.look()
	if got := shown(t, b, "", nil); got != "new.example h2" {
		t.Errorf("removed: %s", got)
	}
	if _, err := NewFiles(b, []string{path}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a file that is not there is accepted at the start")
	}
}
