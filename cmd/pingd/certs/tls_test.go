package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

const plainText = "-ERR this port speaks TLS\r\n"

// echo serves a listener until the test ends: what comes goes back.
func echo(t *testing.T, k *Keeper, c Clients) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secured := k.Listen(ln, c, plainText)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := secured.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// talk dials, says hello and expects it back.
func talk(ctx context.Context, dial func(context.Context) (net.Conn, error)) error {
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return hello(c)
}

func hello(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "hello"); err != nil {
		return err
	}
	var got [5]byte
	if _, err := io.ReadFull(c, got[:]); err != nil {
		return err
	}
	if string(got[:]) != "hello" {
		return fmt.Errorf("got %q", got)
	}
	return nil
}

func TestWhoIsLetIn(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	server := open(t, Config{Files: ours.filesOf(forNodes), Serves: true})
	withCA := func(f Files) Files { f.CA = write(t, ours.pem)[0]; return f }
	past, pastKey := ours.sign(forNodes, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })
	f := write(t, past, pastKey, ours.pem)
	clients := map[string]Files{
		"nobody":   {CA: write(t, ours.pem)[0]},
		"client":   ours.filesOf(forClients),
		"node":     ours.filesOf(forNodes),
		"any use":  ours.filesOf(nil),
		"past":     {f[0], f[1], f[2]},
		"stranger": theirs.filesOf(forNodes), // does not know our authority
	}
	stranger := withCA(theirs.filesOf(forNodes)) // shows a certificate of another
	let := map[Clients]string{
		Anybody:  "nobody client node anyuse past",
		IfGiven:  "nobody client node anyuse",
		Verified: "client node anyuse",
		Nodes:    "node anyuse",
	}
	for kind, in := range let {
		addr := echo(t, server, kind)
		for name, files := range clients {
			k := open(t, Config{Files: files})
			err := talk(within(t), func(ctx context.Context) (net.Conn, error) { return k.Dial(ctx, addr, "") })
			want := strings.Contains(" "+in+" ", " "+strings.ReplaceAll(name, " ", "")+" ")
			if (err == nil) != want {
				t.Errorf("listener for %d, %s: %v", kind, name, err)
			}
			if err != nil && !strings.Contains(err.Error(), "\nhint: ") {
				t.Errorf("listener for %d, %s: no hint in %q", kind, name, err)
			}
		}
		// One whose own files do not fit together: only a change on the way makes it.
		k := &Keeper{cfg: Config{Files: stranger}}
		m, err := (Files{CA: stranger.CA}).load(false)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(stranger.Cert, stranger.Key)
		if err != nil {
			t.Fatal(err)
		}
		m.cert, m.files, k.looked = &pair, stranger.state(), time.Now().Add(time.Hour)
		k.now.Store(m)
		err = talk(within(t), func(ctx context.Context) (net.Conn, error) { return k.Dial(ctx, addr, "") })
		if (err == nil) != (kind == Anybody) {
			t.Errorf("listener for %d, a certificate of another authority: %v", kind, err)
		}
	}
}

func TestNamesAreVerified(t *testing.T) {
	a := newAuthority(t, "a")
	server := open(t, Config{Files: a.filesOf(forNodes, "node1.example", "nodes.example"), Serves: true})
	addr := echo(t, server, Anybody)
	for _, tt := range []struct {
		config, name string
		ok           bool
	}{
		{"", "", true}, // 127.0.0.1
		{"", "node1.example", true},
		{"", "node2.example", false},
		{"nodes.example", "node2.example", true}, // the address may be anything
		{"nodes.example", "", true},
		{"other.example", "node1.example", false},
	} {
		k := open(t, Config{Files: Files{CA: write(t, a.pem)[0]}, Name: tt.config})
		err := talk(within(t), func(ctx context.Context) (net.Conn, error) { return k.Dial(ctx, addr, tt.name) })
		if (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
		if err != nil && (!isType[x509.HostnameError](err) || !strings.Contains(err.Error(), "--tls-name")) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// With a name for all nodes, a certificate without it is no node's, whoever signed it.
func TestNodesBearTheName(t *testing.T) {
	a := newAuthority(t, "a")
	server := open(t, Config{Files: a.filesOf(forNodes, "nodes.example"), Serves: true, Name: "nodes.example"})
	addr := echo(t, server, Nodes)
	for name, ok := range map[string]bool{"nodes.example": true, "web.example": false} {
		k := open(t, Config{Files: a.filesOf(forNodes, name), Serves: true, Name: "nodes.example"})
		err := talk(within(t), func(ctx context.Context) (net.Conn, error) { return k.DialNode(ctx, addr) })
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVersions(t *testing.T) {
	a := newAuthority(t, "a")
	server := open(t, Config{Files: a.filesOf(forNodes), Serves: true})
	for kind, least := range map[Clients]uint16{Anybody: tls.VersionTLS12, Verified: tls.VersionTLS12, Nodes: tls.VersionTLS13} {
		addr := echo(t, server, kind)
		for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
			k := open(t, Config{Files: a.filesOf(forNodes), Serves: true})
			err := talk(within(t), func(ctx context.Context) (net.Conn, error) {
				cfg := k.client(addr, "")
				cfg.MinVersion, cfg.MaxVersion = v, v
				return k.dial(ctx, addr, cfg)
			})
			if (err == nil) != (v >= least) {
				t.Errorf("listener for %d, %s: %v", kind, tls.VersionName(v), err)
			}
		}
	}
}

func TestPlainAndTLSMeet(t *testing.T) {
	a := newAuthority(t, "a")
	k := open(t, Config{Files: a.filesOf(forNodes), Serves: true})
	c, err := net.Dial("tcp", echo(t, k, Anybody))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "*1\r\n$4\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(c); string(got) != plainText {
		t.Errorf("without TLS: %q", got)
	}
	for _, answer := range []string{"-ERR unknown command\r\n", ""} { // a server without TLS answers, or hangs up
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}()
		if _, err := k.Dial(within(t), ln.Addr().String(), ""); err == nil || !strings.Contains(err.Error(), "speak TLS: start it with") && !strings.Contains(err.Error(), "does not speak TLS") {
			t.Errorf("to a server that answers %q: %v", answer, err)
		}
		<-done
		_ = ln.Close()
	}
}

// pipes is a listener of connections without a network.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) { return <-p, nil }
func (pipes) Close() error                { return nil }
func (pipes) Addr() net.Addr              { return &net.UnixAddr{} }

func TestSilentStrangersAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, "a")
		var log bytes.Buffer
		k := open(t, Config{Files: a.filesOf(forNodes), Serves: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		p := make(pipes, 1)
		ln := k.Listen(p, Anybody, plainText)
		for _, first := range []string{"", "\x16\x03\x01\x02\x00"} { // nothing, or the beginning of a handshake
			here, there := net.Pipe()
			p <- there
			in, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(here, first) }()
			start := time.Now()
			_, err = in.Read(make([]byte, 1))
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != handshakeTime {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
			if _, err := in.Write([]byte("x")); err == nil {
				t.Error("it can be written to")
			}
			_ = here.Close()
			synctest.Wait()
		}
		if got := testutil.ToFloat64(k.refused); got != 2 {
			t.Errorf("%v handshakes failed, not 2", got)
		}
		if n := strings.Count(log.String(), "TLS handshake failed"); n != 2 { // warnEvery apart
			t.Errorf("%d lines in the log:\n%s", n, &log)
		}
	})
}

// A client that reads nothing does not hold up whoever closes its connection.
func TestCloseWaitsForNobody(t *testing.T) {
	a := newAuthority(t, "a")
	k := open(t, Config{Files: a.filesOf(forNodes), Serves: true})
	synctest.Test(t, func(t *testing.T) {
		k := open(t, k.cfg)
		p := make(pipes, 1)
		ln := k.Listen(p, Anybody, plainText)
		here, there := net.Pipe() // a write waits for its reader
		p <- there
		in, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = in.Read(make([]byte, 1)) }()
		cfg := k.client("127.0.0.1:1", "")
		cfg.InsecureSkipVerify = true // the certificate is of another time
		if err := tls.Client(here, cfg).HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		_ = in.Close()
		if took := time.Since(start); took > closeTime {
			t.Errorf("Close took %s", took)
		}
		_ = here.Close()
	})
}

// FuzzIncoming says anything to a listener: it ends, and nothing is let in.
func FuzzIncoming(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x16\x03\x01\x00\x05hello"))
	f.Add([]byte{0x16, 3, 1, 0xff, 0xff})
	t := new(testing.T)
	a := newAuthority(t, "a")
	cert, key := a.sign(forNodes, nil)
	dir := f.TempDir()
	files := Files{dir + "/c", dir + "/k", dir + "/a"}
	for name, text := range map[string][]byte{files.Cert: cert, files.Key: key, files.CA: a.pem} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			f.Fatal(err)
		}
	}
	k, err := Open(Config{Files: files, Serves: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		here, there := net.Pipe()
		p := make(pipes, 1)
		p <- there
		in, err := k.Listen(p, Verified, plainText).Accept()
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, here) }()
		go func() { _, _ = here.Write(said); _ = here.Close() }()
		if n, err := in.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("let in: %d %v", n, err)
		}
		_ = in.Close()
	})
}
