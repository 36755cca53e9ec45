package client

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// dials notes whom Config.Dial is asked for.
type dials struct {
	mu   sync.Mutex
	seen []string
}

func (d *dials) dial(ctx context.Context, addr, name string) (net.Conn, error) {
	d.mu.Lock()
	d.seen = append(d.seen, name+"="+addr)
	d.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

func (d *dials) saw(dial string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.seen, dial)
}

// A certificate is looked at for the name that people know, not for the address it
// resolves to.
func TestDialIsToldTheName(t *testing.T) {
	var d dials
	member := startFake(t, says("+OK\r\n"))
	seed := startFake(t, func(args []string) string {
		if args[0] == "PINGD" {
			list := `[{"name":"m","redis":"` + member.addr + `","voter":true,"leader":true,"alive":true}]`
			return bulk(list)
		}
		return "+OK\r\n"
	})
	_, port, err := net.SplitHostPort(seed.addr)
	if err != nil {
		t.Fatal(err)
	}
	c := connectWith(t, Config{Addrs: []string{"localhost:" + port}, Dial: d.dial})
	must(t, c, "SET", "k", "v")
	if !d.saw("localhost=" + seed.addr) {
		t.Errorf("dialled %q", d.seen)
	}
	eventually(t, "the member is used", func() bool {
		must(t, c, "SET", "k", "v")
		return member.seen("SET") > 0
	})
	if !d.saw("127.0.0.1=" + member.addr) {
		t.Errorf("dialled %q", d.seen)
	}
}

// With TLS 1.3 a node says after the handshake that it does not like the client's
// certificate: nothing was sent to it, so a write may go to another.
func TestRefusalAfterTheHandshakeIsNoUnknownOutcome(t *testing.T) {
	var d dials
	refuses, healthy := startFake(t, says(cut)), startFake(t, says("+OK\r\n"))
	c := connectWith(t, Config{Addrs: []string{refuses.addr, healthy.addr}, Dial: d.dial})
	must(t, c, "INCRBY", "k", 1)
	if refuses.seen("INCRBY") != 0 || refuses.seen("PING") == 0 {
		t.Error("the node that refuses was to get a greeting and nothing else")
	}
	alone := connectWith(t, Config{Addrs: []string{refuses.addr}, Dial: d.dial})
	if _, err := alone.Do(within(t, 100*time.Millisecond), "INCRBY", "k", 1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// What keeps a node from being reached is not hidden by the last try, which ended with
// the caller's patience.
func TestReasonOutlivesTheDeadline(t *testing.T) {
	var tries atomic.Int64
	c := connectWith(t, Config{Addrs: []string{"127.0.0.1:1"}, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if tries.Add(1) < 3 {
			return nil, errors.New("unknown authority")
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	_, err := c.Do(within(t, 500*time.Millisecond), "GET", "k")
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v", err)
	}
}

// A handshake that takes long gets more time when it is tried again.
func TestDialGetsMoreTime(t *testing.T) {
	f := startFake(t, says("+OK\r\n"))
	const long = 400 * time.Millisecond
	c := connectWith(t, Config{Addrs: []string{f.addr}, TryTimeout: 100 * time.Millisecond, Dial: func(ctx context.Context, addr, _ string) (net.Conn, error) {
		select {
		case <-time.After(long):
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	if _, err := c.Do(within(t, 60*time.Second), "GET", "k"); err != nil {
		t.Error(err)
	}
}
