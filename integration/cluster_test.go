package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pingd/counter"
	"pingd/integration/bench/drive"
	"pingd/integration/procs"
)

// stack is three stores, three counters and two proxies as processes.
func stack(t *testing.T) *procs.Cluster {
	t.Helper()
	lab := procs.ForTest(t)
	c, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3, Counters: 3, Proxies: 2})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// visiting makes visits through both proxies in the background. The returned
// function ends them and fails the test on a lost or doubled visit.
type visiting struct {
	rec *drive.Recorder
	url string
	end func() error
}

func visit(t *testing.T, c *procs.Cluster, clients int) *visiting {
	t.Helper()
	v := &visiting{url: "http://" + c.Proxies[0].HTTP + "/"}
	base, _, err := drive.VisitOnce(within(t), v.url, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	v.rec = drive.NewRecorder(base)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var urls []string
	for _, p := range c.Proxies {
		urls = append(urls, "http://"+p.HTTP+"/")
	}
	go func() {
		_, err := drive.Visits{URLs: urls, Clients: clients, For: time.Minute, Timeout: 5 * time.Second}.Run(ctx, v.rec)
		done <- err
	}()
	v.end = sync.OnceValue(func() error {
		cancel()
		err := <-done
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return err
	})
	t.Cleanup(func() { _ = v.end() })
	return v
}

// acked waits until further visits have been answered after at.
func (v *visiting) acked(t *testing.T, at time.Duration) {
	t.Helper()
	eventually(t, v.rec.AckedSince(at))
}

// check ends the visits and holds the promises: no number twice, none lost.
func (v *visiting) check(t *testing.T) {
	t.Helper()
	if err := v.end(); err != nil {
		t.Fatal(err)
	}
	final, _, err := drive.VisitOnce(within(t), v.url, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	a := v.rec.Account(final - 1)
	failed, kinds := v.rec.Errors()
	t.Logf("acked %d, duplicates %d, lost %d, errors %d %v, longest gap %s", a.Acked, a.Duplicates, a.Lost, failed, kinds, v.rec.Longest().Long)
	if a.Acked == 0 || a.Lost != 0 || a.Duplicates != 0 {
		t.Errorf("account %+v", a)
	}
}

const maxGap = time.Second // promised for any single fault of a store

func TestVisitsSurviveFaults(t *testing.T) {
	c := stack(t)
	v := visit(t, c, 50)
	fault := func(name string, gap time.Duration, do func(target *procs.Node) error) {
		t.Run(name, func(t *testing.T) {
			best := time.Hour
			for try := 0; try < 3 && best > gap; try++ { // the machine may be busy with something else once
				leader, err := c.WaitWhole(within(t))
				if err != nil {
					t.Fatal(err)
				}
				at := v.rec.Since()
				if err := do(leader); err != nil {
					t.Fatal(err)
				}
				v.acked(t, v.rec.Since())
				best = min(best, v.rec.LongestWithin(at, v.rec.Since()).Long)
			}
			t.Logf("longest time without an answer: %s", best)
			if best > gap {
				t.Errorf("%s without an answer, promised at most %s", best, gap)
			}
			failed, kinds := v.rec.Errors()
			if failed > 0 {
				t.Errorf("clients saw %d errors: %v", failed, kinds)
			}
		})
	}
	fault("kill -9 of the leader", maxGap, func(leader *procs.Node) error {
		err := leader.Kill()
		at := v.rec.Since()
		v.acked(t, at)
		return errors.Join(err, leader.Restart(within(t)))
	})
	fault("leader paused for 4 s", maxGap, func(leader *procs.Node) error {
		err := leader.Pause()
		resume := time.NewTimer(4 * time.Second)
		<-resume.C
		return errors.Join(err, leader.Resume())
	})
	fault("leader stopped by SIGTERM", maxGap, func(leader *procs.Node) error {
		return errors.Join(leader.Terminate(within(t)), leader.Restart(within(t)))
	})
	fault("kill -9 of a counter", maxGap, func(*procs.Node) error {
		err := c.Counters[0].Kill()
		v.acked(t, v.rec.Since())
		return errors.Join(err, c.Counters[0].Restart(within(t)))
	})
	fault("counter stopped by SIGTERM", maxGap, func(*procs.Node) error {
		return errors.Join(c.Counters[1].Terminate(within(t)), c.Counters[1].Restart(within(t)))
	})
	v.check(t)
}

// A counter that starts takes part within 100 ms of being healthy.
func TestNewCounterServesAtOnce(t *testing.T) {
	c := stack(t)
	v := visit(t, c, 20)
	v.acked(t, v.rec.Since())
	best := time.Hour
	for range 3 { // the machine may be busy with something else once
		n, err := c.AddCounter(within(t))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, procs.Answers("http://"+n.HTTP+"/healthz"))
		healthy := time.Now()
		eventually(t, func(ctx context.Context) error {
			var s counter.Status
			if err := roleStatus(ctx, n.Admin, "counter", &s); err != nil {
				return err
			}
			if s.Visits == 0 {
				return errors.New("no visit yet")
			}
			return nil
		})
		best = min(best, time.Since(healthy))
		if err := n.Terminate(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("first visit %s after being healthy", best)
	if best > 100*time.Millisecond {
		t.Errorf("first visit %s after being healthy, promised within 100ms", best)
	}
	if failed, kinds := v.rec.Errors(); failed > 0 {
		t.Errorf("clients saw %d errors: %v", failed, kinds)
	}
	v.check(t)
}

func TestEveryStoreTakesEveryCommand(t *testing.T) {
	lab := procs.ForTest(t)
	c, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range c.Stores {
		if got := redisCLI(t, n.Redis, "INCR", "n"); got != fmt.Sprint(i+1) {
			t.Errorf("INCR on %s: %q", n.Name(), got)
		}
		if got := redisCLI(t, c.Stores[(i+1)%3].Redis, "GET", "n"); got != fmt.Sprint(i+1) {
			t.Errorf("GET after INCR on %s: %q", n.Name(), got)
		}
	}
}

// A client made for Redis Sentinel finds the leader, and the next one.
func TestSentinelClientFailsOver(t *testing.T) {
	lab := procs.ForTest(t)
	c, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3})
	if err != nil {
		t.Fatal(err)
	}
	var sentinels []string
	for _, n := range c.Stores {
		sentinels = append(sentinels, n.Sentinel)
	}
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "master", SentinelAddrs: sentinels})
	defer rdb.Close()
	ctx := within(t)
	var acked int64
	for range 20 {
		if acked, err = rdb.Incr(ctx, "n").Result(); err != nil {
			t.Fatal(err)
		}
	}
	leader, err := c.WaitWhole(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	down := time.Now()
	eventually(t, func(ctx context.Context) error {
		n, err := rdb.Incr(ctx, "n").Result()
		if err == nil && n <= acked {
			t.Errorf("INCR went back from %d to %d", acked, n)
		}
		return err
	})
	t.Logf("writes again %s after kill -9 of the leader", time.Since(down))
}

// The page and /metrics of the monitor, and the client commands, tell who leads.
func TestMonitorAndCommandsKnowTheLeader(t *testing.T) {
	lab := procs.ForTest(t)
	c, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3, Counters: 1, Proxies: 1, Monitor: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	var leader *procs.Node
	ask := func(ctx context.Context) error {
		// A busy machine may elect another one meanwhile.
		if leader, err = c.Leader(ctx); err != nil {
			return err
		}
		body, err := plain(ctx, "http://"+c.Monitor.Admin+"/")
		if err != nil {
			return err
		}
		for _, want := range []string{"leader " + leader.Name(), "counter1", "proxy1"} {
			if !strings.Contains(body, want) {
				return fmt.Errorf("no %q in:\n%s", want, body)
			}
		}
		return nil
	}
	eventually(t, ask)
	for _, args := range [][]string{{"status"}, {"members"}} {
		out := command(t, 0, append(args, "--join="+c.Stores[1].Redis)...)
		if !strings.Contains(out, "leader") || !strings.Contains(out, "store3") {
			t.Errorf("pingd %v:\n%s", args, out)
		}
	}
	next := c.Stores[0]
	if leader == next {
		next = c.Stores[1]
	}
	command(t, 0, "transfer", next.Name(), "--join="+c.Stores[2].Redis)
	eventually(t, func(ctx context.Context) error {
		now, err := c.Leader(ctx)
		if err == nil && now != next {
			err = fmt.Errorf("%s leads", now.Name())
		}
		return err
	})
	if out := command(t, 0, "health", "--admin-addr="+c.Counters[0].Admin); out != "ok" {
		t.Errorf("health: %q", out)
	}
}

// plain fetches a page as curl would.
func plain(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Close = true
	req.Header.Set("User-Agent", "curl/8")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// command runs a subcommand of pingd and checks its exit status.
func command(t *testing.T, status int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(within(t), pingd(t), args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != status {
		t.Fatalf("pingd %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
