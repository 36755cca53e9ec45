package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	be "encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// startDNS answers every question for an address with 127.0.0.1, over TCP.
func startDNS(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // pebble closes after each question
				for answerDNS(conn) == nil {
				}
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

// answerDNS answers one question (RFC 1035 section 4.2.2).
func answerDNS(conn net.Conn) error {
	length := make([]byte, 2)
	if _, err := io.ReadFull(conn, length); err != nil {
		return err
	}
	text := make([]byte, be.BigEndian.Uint16(length))
	if _, err := io.ReadFull(conn, text); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(text); err != nil {
		return err
	}
	m.Response, m.Additionals = true, nil
	for _, q := range m.Questions {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			})
		}
	}
	answer, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(be.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

// startAuthority starts pebble, an ACME server for tests, which asks for tokens at one
// port of 127.0.0.1, and for certificates at another. It returns its directory's URL and
// the file with its certificate.
func startAuthority(t *testing.T, lab *procs.Lab, asks, asksTLS string) (url, root string) {
	t.Helper()
	path := procs.Need(t, "pebble", "(none: go install github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1)")
	dir, err := lab.Dir("authority")
	if err != nil {
		t.Fatal(err)
	}
	if root, err = peers.Certificate(dir); err != nil {
		t.Fatal(err)
	}
	var addrs [2]string
	for i := range addrs {
		if addrs[i], err = lab.Addr(); err != nil {
			t.Fatal(err)
		}
	}
	_, port, _ := strings.Cut(asks, ":")
	_, portTLS, _ := strings.Cut(asksTLS, ":")
	conf := fmt.Sprintf(`{"pebble": {"listenAddress": %q, "managementListenAddress": %q, "certificate": %q, "privateKey": %q, "httpPort": %s, "tlsPort": %s}}`,
		addrs[0], addrs[1], root, root, port, portTLS)
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := lab.Start(within(t), procs.Spec{
		Name: "authority", Path: path, Args: []string{"-config", file, "-dnsserver", startDNS(t)}, Env: []string{"PEBBLE_VA_NOSLEEP=1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.WaitReady(within(t), procs.Listens(addrs[0])); err != nil {
		t.Fatal(err)
	}
	return "https://" + addrs[0] + "/dir", root
}

// shown returns the certificate that a proxy shows for a name.
func shown(ctx context.Context, addr, name string) (*x509.Certificate, error) {
	d := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}} //nolint:gosec // the authority is made for this test
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// Two proxies get certificates from an authority, once for both, whichever of them the
// authority asks; a third that comes later shows the same ones, without asking.
func TestCertificatesOfAnAuthority(t *testing.T) {
	lab := procs.ForTest(t)
	asked, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	directory, root := startAuthority(t, lab, asked, ":1")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("correct horse battery staple"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{"shop.example.org", "www.example.org"}
	start := func(name, roles, join string, more ...string) (p *single, secure string) {
		t.Helper()
		if secure, err = lab.Addr(); err != nil {
			t.Fatal(err)
		}
		args := []string{
			"--secret-file=" + secret, "--backend=127.0.0.1:9", "--proxy-tls-addr=" + secure, "--proxy-acme=" + strings.Join(names, ","),
			"--proxy-acme-directory=" + directory, "--proxy-acme-email=ops@example.org",
		}
		if join != "" {
			args = append(args, "--join="+join)
		}
		args = append(args, more...)
		return startUnder(t, lab, []string{"/usr/bin/env", "SSL_CERT_FILE=" + root}, name, roles, args...), secure
	}
	store, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	// The authority asks the second, whichever of the two ordered.
	second, at2 := start("p2", "proxy", store, "--proxy-addr="+asked)
	if err := second.WaitReady(within(t), procs.Listens(asked)); err != nil {
		t.Fatal(err)
	}
	first, at1 := start("p1", "store,proxy", "", "--redis-addr="+store)
	var serial string
	for _, name := range names {
		// One that fails at first is tried again after a minute.
		long, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		err := procs.Poll(long, func(ctx context.Context) error {
			one, err := shown(ctx, at1, name)
			if err != nil {
				return err
			}
			two, err := shown(ctx, at2, name)
			if err == nil && (one.VerifyHostname(name) != nil || !one.Equal(two)) {
				err = fmt.Errorf("the proxies show %v and %v for %s", one.DNSNames, two.DNSNames, name)
			}
			serial = fmt.Sprint(one.SerialNumber)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, at3 := start("p3", "proxy", store)
	eventually(t, func(ctx context.Context) error {
		c, err := shown(ctx, at3, names[1])
		if err == nil && fmt.Sprint(c.SerialNumber) != serial {
			err = errors.New("another certificate")
		}
		return err
	})
	if err := second.Terminate(within(t)); err != nil {
		t.Error(err)
	}
	// Nobody can read the keys in the store.
	for _, key := range []string{"account", "cert/" + names[0]} {
		text := redisCLI(t, store, "-a", "correct horse battery staple", "--no-auth-warning", "GET", "/pingd/proxy/acme/"+key)
		if block, _ := pem.Decode([]byte(text)); block != nil || !strings.HasPrefix(text, "sealed:") {
			t.Errorf("%s: %.40s", key, text)
		}
	}
	certificatesTold(t, first.Admin, names)
}

// An authority that reaches port 443 alone: the proof lies there at every proxy, and
// nobody else is shown it.
func TestCertificateProvedOverTLS(t *testing.T) {
	lab := procs.ForTest(t)
	const name = "shop.example.org"
	var addrs [3]string
	for i := range addrs {
		var err error
		if addrs[i], err = lab.Addr(); err != nil {
			t.Fatal(err)
		}
	}
	asked, own, store := addrs[0], addrs[1], addrs[2]
	directory, root := startAuthority(t, lab, ":1", asked)
	args := []string{"--backend=127.0.0.1:9", "--proxy-acme=" + name, "--proxy-acme-directory=" + directory, "--proxy-acme-challenge=tls-alpn-01"}
	env := []string{"/usr/bin/env", "SSL_CERT_FILE=" + root}
	startUnder(t, lab, env, "p2", "proxy", append(args, "--proxy-tls-addr="+asked, "--join="+store)...)
	startUnder(t, lab, env, "p1", "store,proxy", append(args, "--proxy-tls-addr="+own, "--redis-addr="+store)...)
	long, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // one that fails at first is tried again
	defer cancel()
	err := procs.Poll(long, func(ctx context.Context) error {
		one, err := shown(ctx, own, name)
		if err != nil {
			return err
		}
		two, err := shown(ctx, asked, name)
		if err == nil && (one.VerifyHostname(name) != nil || !one.Equal(two) || len(one.UnhandledCriticalExtensions) > 0) {
			err = fmt.Errorf("the proxies show %v and %v", one.DNSNames, two.DNSNames)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// certificatesTold looks at what the status says of certificates.
func certificatesTold(t *testing.T, admin string, names []string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), http.MethodGet, "http://"+admin+"/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer correct horse battery staple")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var told struct {
		Roles struct {
			Proxy struct {
				TLS struct {
					Certificates []struct {
						Names  []string
						Source string
					}
				}
			}
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	if list := told.Roles.Proxy.TLS.Certificates; len(list) != len(names) || list[0].Names[0] != names[0] || list[0].Source != "acme" {
		t.Errorf("%+v", list)
	}
}
