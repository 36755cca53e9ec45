package integration

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/peers"
	"pingd/proxy"
)

// attacks are slowhttptest's: heads and bodies that never end, ranges, readers
// that hardly read. In all 2,000 connections.
var attacks = map[string][]string{
	"slow heads":   {"-H", "-i", "1", "-x", "10"},
	"slow bodies":  {"-B", "-i", "1", "-s", "100000"},
	"many ranges":  {"-R"},
	"slow readers": {"-X", "-w", "1", "-y", "1", "-n", "1", "-z", "1", "-k", "3"},
}

// Clients that take their time hold a connection each and nothing else: those who
// are quick notice nothing.
func TestSlowClientsHurtNobody(t *testing.T) {
	procs.Need(t, "nginx", "nginx-light")
	program := procs.Need(t, "slowhttptest", "slowhttptest")
	lab := procs.ForTest(t)
	app, err := peers.StartBackend(within(t), lab, "app", "hello")
	if err != nil {
		t.Fatal(err)
	}
	p := startSingle(t, lab, "front", "proxy", "--backend="+app.Addr)
	rotation(t, p.Admin, app.Addr, true)
	load := startGetting(t, "http://"+p.Proxy+"/", "hello")
	load.more(t, 100)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var attackers sync.WaitGroup
	for name, args := range attacks {
		path := "/"
		if name == "slow readers" {
			path = peers.LargePath
		}
		args = append(args, "-c", "500", "-r", "500", "-l", "5", "-p", "3", "-v", "1", "-u", "http://"+p.Proxy+path)
		attackers.Go(func() {
			// Its exit status says whether it held the server down; that is for
			// the load to tell.
			if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); len(out) == 0 {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	ended := make(chan struct{})
	go func() { attackers.Wait(); close(ended) }()
	for most := int64(0); ; {
		select {
		case <-ended:
			if most < 500 {
				t.Errorf("only %d connections at once: no attack", most)
			}
			load.more(t, 100)
			load.check(t)
			t.Logf("%d requests, up to %d slow clients", load.done.Load(), most)
			return
		case <-time.After(100 * time.Millisecond):
			if s, err := proxyStatus(ctx, p.Admin); err == nil {
				most = max(most, s.PeakConnections)
			}
		}
	}
}

// A process that may open few files serves as many clients as that allows, still
// answers its operator, and does not burn the processor over those who wait.
func TestFewDescriptors(t *testing.T) {
	procs.Need(t, "nginx", "nginx-light")
	lab := procs.ForTest(t)
	app, err := peers.StartBackend(within(t), lab, "app", "hello")
	if err != nil {
		t.Fatal(err)
	}
	prlimit := procs.Need(t, "prlimit", "util-linux")
	p := startUnder(t, lab, []string{prlimit, "--nofile=400:400"}, "front", "proxy", "--backend="+app.Addr)
	rotation(t, p.Admin, app.Addr, true)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range 300 {
		c, err := net.Dial("tcp", p.Proxy)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	eventually(t, func(ctx context.Context) error {
		s, err := proxyStatus(ctx, p.Admin)
		if err == nil && s.Connections < 100 {
			err = fmt.Errorf("%d connections", s.Connections)
		}
		return err
	})
	before, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Second)
	after, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if used := after.CPU() - before.CPU(); used > 500*time.Millisecond {
		t.Errorf("%v of processor time in a second, with nothing to do", used)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	eventually(t, procs.Answers("http://"+p.Proxy+"/"))
	if !strings.Contains(p.Tail(100), "may not open more files") {
		t.Error("the log does not tell why fewer clients are served")
	}
}

func proxyStatus(ctx context.Context, admin string) (s proxy.Status, err error) {
	err = roleStatus(ctx, admin, "proxy", &s)
	return s, err
}
