package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/wire"
)

// event is one INCR or GET of a counter that was answered.
type event struct {
	incr       bool
	value      int64
	call, done time.Duration
}

// history is what the clients of one counter saw. For a counter, being linearizable
// comes down to this: whoever asks after an answer was given gets no smaller number,
// INCR a larger one; no number is given twice; and no answer is ahead of what had
// been asked for.
type history struct {
	start time.Time

	mu      sync.Mutex
	events  []event
	begun   []time.Duration // of each INCR, whatever became of it
	unknown int             // INCRs nobody knows the end of
	refused int             // INCRs that were surely not done
}

func (h *history) begin(incr bool) time.Duration {
	now := time.Since(h.start)
	if incr {
		h.mu.Lock()
		h.begun = append(h.begun, now)
		h.mu.Unlock()
	}
	return now
}

func (h *history) end(e event) {
	e.done = time.Since(h.start)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// check holds the history against final, the counter's value in the end.
func (h *history) check(final int64) error {
	var errs []error
	byDone := slices.Clone(h.events)
	slices.SortFunc(byDone, func(a, b event) int { return int(a.done - b.done) })
	byCall := slices.Clone(h.events)
	slices.SortFunc(byCall, func(a, b event) int { return int(a.call - b.call) })
	seen := map[int64]bool{}
	floor, answered := int64(0), 0
	for _, e := range byCall {
		for answered < len(byDone) && byDone[answered].done < e.call {
			floor = max(floor, byDone[answered].value)
			answered++
		}
		if e.value < floor || e.incr && e.value == floor {
			errs = append(errs, fmt.Errorf("%+v came after an answer of %d", e, floor))
		}
		if e.incr && seen[e.value] {
			errs = append(errs, fmt.Errorf("%d was given twice", e.value))
		}
		seen[e.value] = seen[e.value] || e.incr
	}
	slices.Sort(h.begun)
	acked := int64(0)
	for _, e := range byDone {
		if n, _ := slices.BinarySearch(h.begun, e.done); e.value > int64(n) {
			errs = append(errs, fmt.Errorf("%+v was answered when %d had been asked for", e, n))
		}
		if e.incr {
			acked++
		}
	}
	if final < acked || final > acked+int64(h.unknown) {
		errs = append(errs, fmt.Errorf("the counter is %d after %d acknowledged and %d unknown", final, acked, h.unknown))
	}
	return errors.Join(errs...)
}

func TestHistoryFindsWhatIsWrong(t *testing.T) {
	good := []event{{true, 1, 1, 2}, {true, 2, 3, 5}, {false, 1, 3, 4}, {false, 2, 4, 6}, {true, 3, 7, 8}}
	with := func(more ...event) *history {
		h := &history{events: append(slices.Clone(good), more...)}
		for _, e := range h.events {
			if e.incr {
				h.begun = append(h.begun, e.call)
			}
		}
		return h
	}
	for name, c := range map[string]struct {
		h     *history
		final int64
		bad   string
	}{
		"right":      {with(), 3, ""},
		"stale read": {with(event{false, 1, 7, 9}), 3, "came after an answer of 2"},
		"twice":      {with(event{true, 3, 7, 9}), 4, "given twice"},
		"backwards":  {with(event{true, 2, 9, 10}), 4, "came after"},
		"future":     {with(event{false, 3, 5, 6}), 3, "had been asked for"},
		"lost":       {with(), 2, "the counter is 2"},
		"too many":   {with(), 4, "the counter is 4"},
	} {
		err := c.h.check(c.final)
		if (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// clients run INCR and GET of one counter against all stores until they are ended.
type clients struct {
	history
	stop atomic.Bool
	wg   sync.WaitGroup
}

// runClients starts n clients for each store.
func runClients(stores []*procs.Node, n int, key string) *clients {
	c := &clients{history: history{start: time.Now()}}
	for i := range n * len(stores) {
		c.wg.Go(func() { c.client(stores[i%len(stores)].Redis, i, key) })
	}
	return c
}

// end ends the clients.
func (c *clients) end() { c.stop.Store(true); c.wg.Wait() }

// answered returns how many answers there were.
func (c *clients) answered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

// more waits until so many further answers have come.
func (c *clients) more(t *testing.T, n int) {
	t.Helper()
	before := c.answered()
	eventually(t, func(context.Context) error {
		if got := c.answered(); got < before+n {
			return fmt.Errorf("%d of %d further answers", got-before, n)
		}
		return nil
	})
}

// gap returns the longest time without an acknowledged INCR between two moments.
func (c *clients) gap(from, to time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, longest := from, time.Duration(0)
	for _, e := range c.events { // in the order of their answers
		if e.incr && e.done > from && e.done < to {
			longest, last = max(longest, e.done-last), e.done
		}
	}
	return max(longest, to-last)
}

// verdict ends the clients and holds what they saw against the counter.
func (c *clients) verdict(t *testing.T, store *procs.Node) {
	t.Helper()
	c.end()
	var final int64
	eventually(t, func(ctx context.Context) error {
		r, err := wire.Ask(ctx, store.Redis, "INCRBY", "n", "0")
		final = r.Int
		return err
	})
	t.Logf("%d answers, %d INCRs of unknown outcome, %d surely not done, counter %d", len(c.events), c.unknown, c.refused, final)
	if err := c.check(final); err != nil {
		t.Error(err)
	}
}

const tryTime = 6 * time.Second // a paused node is left alone after that

func (c *clients) client(addr string, i int, key string) {
	var conn *wire.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for ; !c.stop.Load(); i++ {
		if conn == nil {
			ctx, cancel := context.WithTimeout(context.Background(), tryTime)
			next, err := wire.Dial(ctx, addr)
			cancel()
			if err != nil {
				<-time.After(10 * time.Millisecond)
				continue
			}
			conn = next
		}
		if !c.one(conn, i%2 == 0, key) {
			_ = conn.Close()
			conn = nil
		}
	}
}

// one runs one command; false when the connection is of no more use.
func (c *clients) one(conn *wire.Conn, incr bool, key string) bool {
	command := "GET"
	if incr {
		command = "INCR"
	}
	e := event{incr: incr, call: c.begin(incr)}
	lost := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if incr {
			c.unknown++
		}
	}
	if conn.SetDeadline(time.Now().Add(tryTime)) != nil || conn.Send(wire.AppendCommand(nil, command, key)) != nil {
		lost()
		return false
	}
	r, err := conn.Read()
	switch {
	case err != nil:
		lost()
		return false
	case r.Kind == '-' && strings.HasPrefix(r.Text, "UNCERTAIN"):
		lost()
	case r.Kind == '-':
		c.mu.Lock()
		c.refused++
		c.mu.Unlock()
		<-time.After(2 * time.Millisecond) // it was refused at once, and would be again
	case r.Kind == ':':
		e.value = r.Int
		c.history.end(e)
	case r.Nil:
		c.history.end(e)
	default:
		if _, err := fmt.Sscan(r.Text, &e.value); err != nil {
			return false
		}
		c.history.end(e)
	}
	return true
}

// A leader that was paused believes, when it goes on, that no time has passed. It
// must answer no read with what has been overwritten meanwhile, acknowledge no write
// that is not kept, and send its clients away.
func TestPausedKilledAndStoppedLeadersLieToNobody(t *testing.T) {
	for name, args := range map[string][]string{"asking": nil, "with a lease": {"--store-lease-reads"}} {
		t.Run(name, func(t *testing.T) {
			lab := procs.ForTest(t)
			cluster, err := procs.StartCluster(within(t), lab, procs.ClusterConfig{Binary: pingd(t), Stores: 3, StoreArgs: args})
			if err != nil {
				t.Fatal(err)
			}
			c := runClients(cluster.Stores, 3, "n")
			defer c.end()
			for i := range 5 {
				c.more(t, 200)
				leader, err := cluster.WaitWhole(within(t))
				if err != nil {
					t.Fatal(err)
				}
				switch i {
				case 3:
					err = errors.Join(leader.Kill(), leader.Restart(within(t)))
				case 4: // it hands over first
					err = errors.Join(leader.Terminate(within(t)), leader.Restart(within(t)))
				default:
					pauseLeader(t, c, cluster, leader)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, err := cluster.WaitWhole(within(t)); err != nil {
				t.Fatal(err)
			}
			c.verdict(t, cluster.Stores[0])
		})
	}
}

// pauseLeader pauses a leader until another one leads and acknowledges writes, asks
// it for the counter meanwhile, and watches it send an idle client away when it goes
// on.
func pauseLeader(t *testing.T, c *clients, cluster *procs.Cluster, leader *procs.Node) {
	t.Helper()
	idle, err := net.Dial("tcp", leader.Redis)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if _, err := idle.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Read(make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	var waiting []*wire.Conn
	for range 20 {
		conn, err := wire.Dial(within(t), leader.Redis)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		waiting = append(waiting, conn)
	}
	if err := leader.Pause(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		next, err := cluster.Leader(ctx)
		if err == nil && next == leader {
			err = errors.New("the paused one leads")
		}
		return err
	})
	c.more(t, 50)
	// What it is asked now it finds first when it goes on.
	var asked sync.WaitGroup
	for _, conn := range waiting {
		call := c.begin(false)
		if err := errors.Join(conn.SetDeadline(time.Now().Add(tryTime)), conn.Send(wire.AppendCommand(nil, "GET", "n"))); err != nil {
			t.Fatal(err)
		}
		asked.Go(func() {
			e := event{call: call}
			if r, err := conn.Read(); err == nil && r.Kind == '$' {
				if _, err := fmt.Sscan(r.Text, &e.value); err == nil {
					c.history.end(e)
				}
			}
		})
	}
	defer asked.Wait()
	if err := leader.Resume(); err != nil {
		t.Fatal(err)
	}
	_ = idle.SetReadDeadline(time.Now().Add(30 * time.Second))
	if n, err := idle.Read(make([]byte, 1)); n != 0 || errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Errorf("an idle client of the paused leader: %d bytes, %v", n, err)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// faultRounds is how often a test does its faults: once, or as PINGD_FAULT_ROUNDS says.
func faultRounds() int {
	n := 1
	_, _ = fmt.Sscan(os.Getenv("PINGD_FAULT_ROUNDS"), &n)
	return max(1, n)
}
