package conform

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// passThrough is a proxy that changes nothing: it relays bytes both ways.
func passThrough(t *testing.T, to string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			back := make(chan struct{})
			go func() {
				_, _ = io.Copy(c, up)
				_ = c.Close()
				close(back)
			}()
			_, _ = io.Copy(up, c)
			_ = up.Close()
			<-back
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-ended })
	return ln.Addr().String()
}

// TestJudgement: a relay of bytes meets what any relay meets, and no demand that
// asks for work. A judgement that it passes by mistake would mean nothing.
func TestJudgement(t *testing.T) {
	b, err := NewBackend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	addr := passThrough(t, b.Addr())
	for _, c := range []struct {
		name string
		met  bool
	}{
		{"CL and TE: refuse, or close after the answer", false},
		{"no Host: 400", false},
		{"NUL in a value: refuse or replace", false},
		{"leading CRLF: ignored", true},
		{"path and query unchanged", true},
		{"Upgrade: h2c does not pass", false},
		{"Max-Forwards counted down", false},
		{"Via sent to servers", false},
		{"spoofed Forwarded does not pass", false},
		{"103 passes to HTTP/1.1", true},
		{"103 does not pass to HTTP/1.0", false},
		{"an unasked 101 is no tunnel", false},
		{"bad length: 502", false},
		{"a cut length stays visible", true},
		{"Date added", false},
	} {
		d := find(t, c.name)
		seen, err := Ask(t.Context(), addr, b, d)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Met(seen); got != c.met {
			t.Errorf("%s: met %v, want %v: %+v", c.name, got, c.met, seen)
		}
	}
}

func find(t *testing.T, name string) *Demand {
	t.Helper()
	for _, d := range Demands() {
		if d.Name == name {
			return &d
		}
	}
	t.Fatalf("no demand %q", name)
	return nil
}

func TestDemandsAreWhole(t *testing.T) {
	for _, d := range Demands() {
		if d.Name == "" || d.Source == "" || d.Request == "" || d.Met == nil {
			t.Errorf("incomplete: %+v", d)
		}
		if d.Met(&Seen{}) && !strings.Contains(d.Name, "not") && !strings.Contains(d.Name, "replace") && !strings.Contains(d.Name, "removed") &&
			!strings.Contains(d.Name, "no further") && !strings.Contains(d.Name, "no tunnel") && !strings.Contains(d.Name, "unfolded") {
			t.Errorf("%s: met by silence", d.Name)
		}
	}
}

func TestSeen(t *testing.T) {
	s := Seen{Client: "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 400 Bad\r\n\r\n", Closed: true}
	if s.Status() != "400" || !s.Refused() {
		t.Errorf("%q, refused %v", s.Status(), s.Refused())
	}
	if s.Closed = false; s.Refused() {
		t.Error("refused with the connection open")
	}
	if (&Seen{Client: "HTTP/1.1 "}).Status() != "" {
		t.Error("a status out of nothing")
	}
}

func TestAskNobody(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Ask(ctx, "127.0.0.1:1", &Backend{}, find(t, "no Host: 400")); err == nil {
		t.Error("answered by nobody")
	}
}
