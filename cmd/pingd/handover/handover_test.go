package handover

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listener(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// says has ln greet one client.
func says(t *testing.T, ln net.Listener, text string) {
	t.Helper()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

func offer(t *testing.T, path string, ln net.Listener) (o *Offer, taken chan bool) {
	t.Helper()
	o, err := NewOffer(map[string]net.Listener{"web": ln})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Listen(path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	taken = make(chan bool, 1)
	ended := make(chan struct{})
	go func() { taken <- o.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended; o.Close() })
	return o, taken
}

// TestHandover: a client that connected while nobody accepted is served by the
// successor, on the same socket, and the one before hears of it.
func TestHandover(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln := listener(t)
	addr := ln.Addr().String()
	o, taken := offer(t, path, ln)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	i, err := Take(t.Context(), path)
	if err != nil || i == nil {
		t.Fatal(i, err)
	}
	client, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if got := i.Listener("web", "127.0.0.1:1"); got != nil {
		t.Error("a listener of another port")
	}
	if got := i.Listener("other", addr); got != nil {
		t.Error("a listener of another name")
	}
	mine := i.Listener("web", addr)
	if mine == nil {
		t.Fatal("not handed over")
	}
	defer mine.Close()
	if err := i.Done(); err != nil {
		t.Fatal(err)
	}
	if !<-taken {
		t.Error("it did not hear of its successor")
	}
	o.Close()
	_ = ln.Close()
	says(t, mine, "successor")
	if text, err := io.ReadAll(client); err != nil || string(text) != "successor" {
		t.Errorf("%q, %v", text, err)
	}
	// And on: the successor offers at the same path.
	_, again := offer(t, path, mine)
	i, err = Take(t.Context(), path)
	if err != nil || i.Done() != nil || !<-again {
		t.Error("no third", err)
	}
}

// TestSuccessorThatFails: the one before goes on, and others may try.
func TestSuccessorThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln := listener(t)
	_, taken := offer(t, path, ln)
	for range 3 {
		i, err := Take(t.Context(), path)
		if err != nil || i == nil {
			t.Fatal(i, err)
		}
		i.Close()
	}
	stranger, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = stranger.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	_ = stranger.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	says(t, ln, "still here")
	if text, err := io.ReadAll(client); err != nil || string(text) != "still here" {
		t.Errorf("%q, %v", text, err)
	}
	i, err := Take(t.Context(), path)
	if err != nil || i.Done() != nil || !<-taken {
		t.Error("nobody can take over any more", err)
	}
}

// TestNobodyThere: a first start, and one after a crash.
func TestNobodyThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if i, err := Take(t.Context(), path); i != nil || err != nil {
		t.Error(i, err)
	}
	o, err := NewOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Listen(path); err != nil {
		t.Fatal(err)
	}
	o.Close() // leaves the path behind, as a crash does
	if i, err := Take(t.Context(), path); i != nil || err != nil {
		t.Error(i, err)
	}
	if err := (*Inheritance)(nil).Done(); err != nil {
		t.Error(err)
	}
	(*Inheritance)(nil).Close()
	if o.Listen(filepath.Join(path, "x", "y")) == nil {
		t.Error("a path that cannot be")
	}
	if _, err := NewOffer(map[string]net.Listener{"x": nil}); err == nil {
		t.Error("a listener that is none")
	}
}

// TestStranger: something else listens at the path.
func TestStranger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := ln.Accept(); err == nil {
			_, _ = io.WriteString(conn, `["web"]`)
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	if i, err := Take(t.Context(), path); err == nil {
		t.Error(i)
	}
	<-done
}

// TestManyListeners: a proxy may have as many TCP listeners as it likes.
func TestManyListeners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	all := map[string]net.Listener{}
	for range 100 {
		ln := listener(t)
		all["proxy-tcp "+ln.Addr().String()] = ln
	}
	o, err := NewOffer(all)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.Listen(path); err != nil {
		t.Fatal(err)
	}
	taken := make(chan bool, 1)
	go func() { taken <- o.Run(t.Context()) }()
	i, err := Take(t.Context(), path)
	if err != nil {
		o.Close()
		<-taken
		t.Fatal(err)
	}
	for name, ln := range all {
		mine := i.Listener(name, ln.Addr().String())
		if mine == nil {
			t.Errorf("%s was not handed over", name)
			continue
		}
		_ = mine.Close()
	}
	if err := i.Done(); err != nil || !<-taken {
		t.Error("not taken over", err)
	}
}
