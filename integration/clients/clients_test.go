package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/bench/drive"
	"pingd/integration/procs"
	"pingd/integration/procs/wire"
)

// built is where pingd is built, once for all tests.
var built string

var binary = sync.OnceValues(func() (string, error) { return procs.Build(context.Background(), built, "cmd/pingd") })

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "pingd-clients-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(built)
		os.Exit(code)
	}))
}

const secret = "correct horse"

// within bounds a step of a test: none takes a tenth of it unless it is broken.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// find makes a library ready, or ends the test as procs.Need does.
func find(t *testing.T, dir, name string) *Library {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), npmWait) // the first time, it downloads
	defer cancel()
	l, err := Find(ctx, dir, name)
	switch {
	case err == nil:
		return l
	case errors.Is(err, ErrMissing) && os.Getenv("PINGD_TEST_ALL") != "1":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
	return nil
}

// stores runs a cluster; password may be empty.
func stores(t *testing.T, n int, password string) *procs.Cluster {
	t.Helper()
	lab := procs.ForTest(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: path, Stores: n, Secret: password})
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// start runs three stores with a password and returns them and how a library finds
// them.
func start(t *testing.T) (*procs.Cluster, Target) {
	t.Helper()
	cluster := stores(t, 3, secret)
	if _, err := cluster.WaitWhole(within(t)); err != nil {
		t.Fatal(err)
	}
	to := Target{Master: "master", Password: secret}
	for _, n := range cluster.Stores {
		to.Sentinels = append(to.Sentinels, n.Sentinel)
	}
	return cluster, to
}

// every is what each library shows: those without client-side caching leave it out.
var every = []string{
	"discovery", "write_and_read", "replica_read", "pipeline", "multi", "watch_conflict", "pubsub", "scan", "wrong_password",
}

// Every library does what applications do, knowing nothing but where Sentinels are;
// then all of them count through fail-overs.
func TestLibraries(t *testing.T) {
	cluster, to := start(t)
	dir := t.TempDir()
	var libraries []*Library
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			l := find(t, dir, name)
			libraries = append(libraries, l)
			results, version, err := l.Features(within(t), to, "features:"+name)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(version)
			shown := judge(t, results)
			if caches := name == "rueidis" || name == "redigo" || name == "node-redis"; shown["caching"] != caches {
				t.Errorf("client-side caching: shown %t, want %t", shown["caching"], caches)
			}
		})
	}
	t.Run("Sentinel beside the application", func(t *testing.T) {
		l := find(t, dir, "redis-py")
		alone := to
		alone.Sentinels = []string{beside(t, cluster)}
		results, _, err := l.Features(within(t), alone, "features:beside")
		if err != nil {
			t.Fatal(err)
		}
		judge(t, results)
	})
	t.Run("what others send", func(t *testing.T) { replay(t, cluster, to) })
	t.Run("count", func(t *testing.T) { count(t, cluster, to, libraries) })
}

// judge returns which features were shown; all but caching must be, and work.
func judge(t *testing.T, results []Result) map[string]bool {
	t.Helper()
	shown := map[string]bool{}
	for _, r := range results {
		shown[r.Feature] = true
		if r.Problem != "" {
			t.Errorf("%s: %s", r.Feature, r.Problem)
		}
	}
	for _, f := range every {
		if !shown[f] {
			t.Errorf("%s: not shown", f)
		}
	}
	return shown
}

// beside starts a Sentinel endpoint that belongs to no store, and returns where it is
// once it knows all members.
func beside(t *testing.T, cluster *procs.Cluster) string {
	t.Helper()
	lab := procs.ForTest(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	addr, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	p, err := lab.Start(within(t), procs.Spec{
		Name: "beside", Path: path, Env: []string{"PINGD_SECRET=" + secret},
		Args: []string{"--role=sentinel", "--sentinel-addr=" + addr, "--admin-addr=" + admin, "--join=" + strings.Join(cluster.RedisAddrs(), ",")},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = p.WaitReady(within(t), func(ctx context.Context) error {
		r, err := wire.AskAs(ctx, addr, secret, "SENTINEL", "REPLICAS", "master")
		if err == nil && len(r.Items) != 2 {
			err = fmt.Errorf("%d replicas", len(r.Items))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// counting is one client that counts.
type counting struct {
	name string
	key  string
	rec  *drive.Recorder
}

// promised is how long writes may be refused, in the best of tries.
const (
	promised = time.Second
	tries    = 3
)

// count lets every library increment a key of its own while the leadership is
// handed over and while the leader is killed. No acknowledged increment may be
// missing. How long writes are refused is what a client sees that goes to the next
// node at once; what the libraries add, by waiting before they connect anew, is
// logged.
func count(t *testing.T, cluster *procs.Cluster, to Target, libraries []*Library) {
	counters := []*counting{{"next node at once", "count", drive.NewRecorder(0)}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() {
		w := drive.Writer{Key: counters[0].key, Every: 20 * time.Millisecond, Try: 5 * time.Second, Password: secret, Locate: drive.InTurn(cluster.RedisAddrs())}
		if err := w.Run(ctx, counters[0].rec); err != nil {
			t.Error(err)
		}
	})
	for _, l := range libraries {
		c := &counting{l.Name, "count:" + l.Name, drive.NewRecorder(0)}
		counters = append(counters, c)
		running.Go(func() {
			if err := l.Count(ctx, to, c.key, c.rec); err != nil {
				t.Error(err)
			}
		})
	}
	progress(t, counters)
	faults := []struct {
		name string
		hurt func(t *testing.T, leader *procs.Node)
	}{
		{"SENTINEL FAILOVER", func(t *testing.T, leader *procs.Node) {
			if _, err := wire.AskAs(within(t), leader.Sentinel, secret, "SENTINEL", "FAILOVER", to.Master); err != nil {
				t.Fatal(err)
			}
		}},
		{"kill -9", func(t *testing.T, leader *procs.Node) {
			if err := leader.Kill(); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, f := range faults {
		best := time.Hour
		for try := 0; try < tries && (best >= promised || testing.Verbose() && try == 0); try++ {
			best = min(best, hurt(t, cluster, counters, f.name, f.hurt))
		}
		if best >= promised {
			t.Errorf("%s: writes were refused for %v at best, want less than %v", f.name, best, promised)
		}
	}
	stop()
	running.Wait()
	for _, c := range counters {
		account(t, cluster, c)
	}
}

// hurt is one fault while all count. It returns how long writes were refused.
func hurt(t *testing.T, cluster *procs.Cluster, counters []*counting, name string, fault func(*testing.T, *procs.Node)) time.Duration {
	t.Helper()
	leader, err := cluster.WaitWhole(within(t))
	if err != nil {
		t.Fatal(err)
	}
	progress(t, counters)
	var at []time.Duration
	for _, c := range counters {
		at = append(at, c.rec.Since())
	}
	fault(t, leader)
	// Some versions of some libraries wait for a node that is gone for as long as it
	// is gone: they are to go on when it comes back.
	patience, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := acknowledged(patience, counters); err != nil {
		t.Logf("%s: not before the node is back: %v", name, err)
	}
	if !leader.Running() {
		if err := leader.Restart(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	progress(t, counters)
	var gaps []string
	for i, c := range counters {
		gaps = append(gaps, fmt.Sprintf("%s %v", c.name, c.rec.LongestWithin(at[i], c.rec.Since()).Long.Round(time.Millisecond)))
	}
	t.Logf("%s: longest time without an acknowledged write: %s", name, strings.Join(gaps, ", "))
	return counters[0].rec.LongestWithin(at[0], counters[0].rec.Since()).Long
}

// progress waits until everybody's writes are acknowledged.
func progress(t *testing.T, counters []*counting) {
	t.Helper()
	if err := acknowledged(within(t), counters); err != nil {
		t.Fatal(err)
	}
}

func acknowledged(ctx context.Context, counters []*counting) error {
	var errs []error
	for _, c := range counters {
		if err := c.rec.AckedSince(c.rec.Since())(ctx); err != nil {
			_, kinds := c.rec.Errors()
			errs = append(errs, fmt.Errorf("%s: %w; errors: %v", c.name, err, kinds))
		}
	}
	return errors.Join(errs...)
}

// account holds what one client was told against the counter.
func account(t *testing.T, cluster *procs.Cluster, c *counting) {
	t.Helper()
	r, err := wire.AskAs(within(t), cluster.Stores[0].Redis, secret, "INCRBY", c.key, "0")
	if err != nil {
		t.Fatal(err)
	}
	a := c.rec.Account(r.Int)
	failed, kinds := c.rec.Errors()
	t.Logf("%s: %d acknowledged, %d of them missing; %d errors %v", c.name, a.Acked, a.Lost, failed, kinds)
	if a.Lost != 0 || a.Acked == 0 {
		t.Errorf("%s: %+v", c.name, a)
	}
}
