package netns_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/procs"
	"pingd/integration/procs/netns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestCutsAreOneWay sends requests between two hosts: an answer needs both ways.
func TestCutsAreOneWay(t *testing.T) {
	server, cli := procs.Need(t, "redis-server", "redis-server"), procs.Need(t, "redis-cli", "redis-tools")
	nt := netns.New(t, 3)
	lab := procs.ForTest(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, h := range nt.Hosts {
		args := slices.Concat(h.Under[1:], []string{server, "--bind", h.IP, "--port", "6379", "--protected-mode", "no", "--save", ""})
		if _, err := lab.Start(ctx, procs.Spec{Name: string(rune('a' + i)), Path: h.Under[0], Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	// Everybody is reached from here all the time.
	reached := func() {
		t.Helper()
		for _, h := range nt.Hosts {
			err := procs.Poll(ctx, func(ctx context.Context) error {
				conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(h.IP, "6379"))
				if err == nil {
					err = conn.Close()
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	// talks tells whether a request from one host to another is answered.
	talks := func(from, to int) bool {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		args := slices.Concat(nt.Hosts[from].Under[1:], []string{"timeout", "-k", "1", "0.7", cli, "-h", nt.Hosts[to].IP, "PING"})
		out, err := exec.CommandContext(ctx, nt.Hosts[from].Under[0], args...).Output()
		return err == nil && string(out) == "PONG\n"
	}
	// Those that are to talk are asked again: the machine may be slow.
	one := func(what string, from, to int, open bool) {
		if !open {
			if talks(from, to) {
				t.Errorf("%s: %d reaches %d", what, from, to)
			}
			return
		}
		err := procs.Poll(ctx, func(context.Context) error {
			if !talks(from, to) {
				return errors.New("no answer")
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %d does not reach %d: %v", what, from, to, err)
		}
	}
	check := func(what string, ways ...[2]int) {
		t.Helper()
		reached()
		var asked sync.WaitGroup
		for from := range 3 {
			for to := range 3 {
				if from != to {
					asked.Go(func() { one(what, from, to, slices.Contains(ways, [2]int{from, to})) })
				}
			}
		}
		asked.Wait()
	}
	all := [][2]int{{0, 1}, {0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1}}
	check("whole", all...)
	if err := nt.Isolate(0); err != nil {
		t.Fatal(err)
	}
	check("one is alone", [2]int{1, 2}, [2]int{2, 1})
	if err := errors.Join(nt.Heal(), nt.Cut(0, 1)); err != nil {
		t.Fatal(err)
	}
	check("cut one way", [2]int{0, 2}, [2]int{1, 2}, [2]int{2, 0}, [2]int{2, 1})
	if err := nt.Heal(); err != nil {
		t.Fatal(err)
	}
	check("healed", all...)
}
