package peers_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/procs"
	"pingd/integration/procs/peers"
	"pingd/integration/procs/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within bounds a test's waits.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// gone tells whether no process of a group lives. Zombies that a container's
// first process does not reap are dead.
func gone(group int) bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // ended meanwhile
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 2 && fields[0] != "Z" && fields[2] == strconv.Itoa(group) {
			return false
		}
	}
	return true
}

func TestRedisGroupFailsOver(t *testing.T) {
	procs.Need(t, "redis-server", "redis-server")
	t.Parallel()
	lab, ctx := procs.ForTest(t), within(t, 40*time.Second)
	g, err := peers.StartRedisGroup(ctx, lab, "redis", 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.StartSentinels(ctx, lab, "sentinel", 3, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	old, err := g.Master(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if old != g.Servers[0].Addr {
		t.Fatalf("master is %s, want %s", old, g.Servers[0].Addr)
	}
	if _, err := wire.Ask(ctx, old, "SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	moved, switches, err := g.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.ByAddr(old).Kill(); err != nil {
		t.Fatal(err)
	}
	err = procs.Poll(ctx, func(ctx context.Context) error {
		now, err := g.Master(ctx)
		if err != nil {
			return err
		}
		if _, err := wire.Ask(ctx, now, "SET", "k", "w"); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatalf("no new master: %v", err)
	}
	select {
	case <-moved:
	case <-ctx.Done():
		t.Fatal("nobody told of the new master")
	}
	if n := switches(); n < 1 {
		t.Errorf("%d switches", n)
	}
}

func TestEtcd(t *testing.T) {
	procs.Need(t, "etcd", "etcd-server")
	t.Parallel()
	lab, ctx := procs.ForTest(t), within(t, 20*time.Second)
	e, err := peers.StartEtcd(ctx, lab, "etcd", 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := procs.Answers("http://" + e.Endpoints[2] + "/health")(ctx); err != nil {
		t.Fatal(err)
	}
	pid := e.Members[0].PID()
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	if !gone(pid) {
		t.Errorf("etcd %d outlives its lab", pid)
	}
}

func TestProxies(t *testing.T) {
	nginx := procs.Need(t, "nginx", "nginx-light")
	haproxy := procs.Need(t, "haproxy", "haproxy")
	t.Parallel()
	lab, ctx := procs.ForTest(t), within(t, 20*time.Second)
	backend, err := peers.StartBackend(ctx, lab, "app", "12345")
	if err != nil {
		t.Fatal(err)
	}
	starts := map[string]func() (*peers.Proxy, error){
		nginx: func() (*peers.Proxy, error) { return peers.StartNginx(ctx, lab, "nginx", 2, []string{backend.Addr}) },
		haproxy: func() (*peers.Proxy, error) {
			return peers.StartHAProxy(ctx, lab, "haproxy", 2, []string{backend.Addr})
		},
	}
	for program, start := range starts {
		p, err := start()
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		if err := procs.Poll(ctx, procs.Answers("http://"+p.Addr+"/")); err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		u, err := p.Usage()
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		if u.RSS < 1<<20 {
			t.Errorf("%s: resident memory %d bytes is not believable", program, u.RSS)
		}
		pid := p.PID()
		if err := p.Kill(); err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		if err := procs.Poll(ctx, func(context.Context) error {
			if !gone(pid) {
				return context.DeadlineExceeded
			}
			return nil
		}); err != nil {
			t.Errorf("%s: workers outlive their master: %v", program, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestMissingProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := peers.StartRedis(t.Context(), procs.ForTest(t), "redis")
	const want = "redis-server is not installed\nhint: apt-get install redis-server"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}
