package confirm

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a leader's surroundings: what it is, what its voters say, what time it
// is.
type world struct {
	mu       sync.Mutex
	standing Standing
	now      time.Duration
	say      map[string]string // "yes", "no"; else nothing until the question is over
	asked    atomic.Int32
	wg       sync.WaitGroup
}

func leader(term, commit uint64) *world {
	return &world{
		standing: Standing{Leads: true, Term: term, Commit: commit, Voters: 3, Peers: []Peer{{"b", "b:1"}, {"c", "c:1"}}},
		say:      map[string]string{}, now: time.Hour,
	}
}

func (w *world) confirmer(t *testing.T, lease time.Duration) *Confirmer {
	t.Cleanup(w.wg.Wait)
	return New(Config{
		Lease:    lease,
		Clock:    func() time.Duration { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		Standing: func() Standing { w.mu.Lock(); defer w.mu.Unlock(); return w.standing },
		Spawn:    func(f func()) bool { w.wg.Go(f); return true },
		Ask: func(ctx context.Context, p Peer, _ uint64, vote func(bool)) {
			w.asked.Add(1)
			w.mu.Lock()
			say := w.say[p.ID]
			w.mu.Unlock()
			switch say {
			case "yes", "no":
				vote(say == "yes")
			default:
				w.wg.Go(func() { <-ctx.Done(); vote(false) })
			}
		},
	})
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func TestAMajorityOfYesConfirms(t *testing.T) {
	for name, c := range map[string]struct {
		b, c string
		want error
	}{
		"both":               {"yes", "yes", nil},
		"one is enough":      {"yes", "no", nil},
		"one is silent":      {"", "yes", nil},
		"nobody":             {"no", "no", ErrNotLeader},
		"one no, one silent": {"no", "", ErrNotLeader},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := leader(7, 42)
			w.say["b"], w.say["c"] = c.b, c.c
			index, term, err := w.confirmer(t, 0).Leader(t.Context())
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil && (index != 42 || term != 7) {
				t.Fatalf("index %d, term %d", index, term)
			}
		})
	}
}

func TestWhoDoesNotLeadOrLosesTheTermMeanwhileIsNotConfirmed(t *testing.T) {
	w := leader(7, 42)
	w.say["b"], w.say["c"] = "yes", "yes"
	w.standing.Leads = false
	c := w.confirmer(t, 0)
	if _, _, err := c.Leader(t.Context()); !errors.Is(err, ErrNotLeader) {
		t.Fatalf("a follower was confirmed: %v", err)
	}
	w.standing.Leads = true
	asked := c.cfg.Ask
	c.cfg.Ask = func(ctx context.Context, p Peer, term uint64, vote func(bool)) {
		w.set(func() { w.standing.Term = 8 })
		asked(ctx, p, term, vote)
	}
	if _, _, err := c.Leader(t.Context()); !errors.Is(err, ErrNotLeader) {
		t.Fatalf("another term was confirmed: %v", err)
	}
}

func TestANodeAloneNeedsNobody(t *testing.T) {
	w := leader(3, 9)
	w.standing.Voters, w.standing.Peers = 1, nil
	c := w.confirmer(t, 0)
	if index, _, err := c.Leader(t.Context()); err != nil || index != 9 {
		t.Fatal(index, err)
	}
	if age, ok := c.Age(); !ok || age != 0 {
		t.Fatal(age, ok)
	}
}

func TestReadersShareRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := leader(7, 42)
		c := w.confirmer(t, 0)
		release := make(chan struct{})
		c.cfg.Ask = func(_ context.Context, _ Peer, _ uint64, vote func(bool)) {
			w.asked.Add(1)
			w.wg.Go(func() { <-release; vote(true) })
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, _, err := c.Leader(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		// The first has a round of its own, all others came while it ran.
		if n := w.asked.Load(); n > 4 {
			t.Errorf("%d questions to 2 voters for 50 readers", n)
		}
	})
}

func TestAReaderThatGivesUpDoesNotHoldTheRound(t *testing.T) {
	w := leader(7, 42)
	c := w.confirmer(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Leader(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

const lease = 100 * time.Millisecond

// heard lets a confirmer with a lease hear of heartbeats sent so long ago.
func (w *world) heard(c *Confirmer, id string, term uint64, ago time.Duration) {
	c.Heard(id, term, w.now-ago)
}

func TestTheLeaseLastsFromTheSendingOfTheMajoritysHeartbeats(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(w *world, c *Confirmer)
		want bool // no question is asked
	}{
		"fresh":                    {func(w *world, c *Confirmer) { w.heard(c, "b", 7, lease/2) }, true},
		"nobody heard":             {func(*world, *Confirmer) {}, false},
		"too old":                  {func(w *world, c *Confirmer) { w.heard(c, "b", 7, lease) }, false},
		"one of two is enough":     {func(w *world, c *Confirmer) { w.heard(c, "b", 7, 9*lease); w.heard(c, "c", 7, 1) }, true},
		"an older one after it":    {func(w *world, c *Confirmer) { w.heard(c, "b", 7, 1); w.heard(c, "b", 7, 9*lease) }, true},
		"of an earlier term":       {func(w *world, c *Confirmer) { w.heard(c, "b", 6, 1) }, false},
		"an earlier term after it": {func(w *world, c *Confirmer) { w.heard(c, "b", 7, 1); w.heard(c, "c", 6, 1) }, true},
		"of somebody who has no vote": {
			func(w *world, c *Confirmer) { w.heard(c, "d", 7, 1) }, false,
		},
		"leadership is being handed over": {func(w *world, c *Confirmer) { w.heard(c, "b", 7, 1); c.Quiet(7) }, false},
		"it was in an earlier term":       {func(w *world, c *Confirmer) { w.heard(c, "b", 7, 1); c.Quiet(6) }, true},
		"another leads":                   {func(w *world, c *Confirmer) { w.heard(c, "b", 7, 1); w.standing.Leads = false }, false},
		"the machine slept": {func(w *world, c *Confirmer) {
			w.heard(c, "b", 7, 1)
			w.now += time.Hour
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := leader(7, 42)
			w.say["b"], w.say["c"] = "no", "no"
			conf := w.confirmer(t, lease)
			c.do(w, conf)
			index, term, err := conf.Leader(t.Context())
			if got := err == nil; got != c.want || got && (index != 42 || term != 7) {
				t.Fatalf("index %d, term %d, %v", index, term, err)
			}
			if c.want && w.asked.Load() > 0 {
				t.Error("asked all the same")
			}
		})
	}
}

func TestOfFiveTheThirdBestCounts(t *testing.T) {
	w := leader(7, 42)
	w.standing.Voters = 5
	w.standing.Peers = []Peer{{ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "e"}}
	c := w.confirmer(t, lease)
	for i, id := range []string{"b", "c", "d", "e"} {
		w.heard(c, id, 7, time.Duration(i+1)*time.Millisecond)
	}
	if age, ok := c.Age(); !ok || age != 2*time.Millisecond {
		t.Fatal(age, ok)
	}
}

func TestWithoutALeaseEveryReadAsks(t *testing.T) {
	w := leader(7, 42)
	w.say["b"] = "yes"
	c := w.confirmer(t, 0)
	w.heard(c, "b", 7, 1)
	if _, _, err := c.Leader(t.Context()); err != nil || w.asked.Load() == 0 {
		t.Fatal(err, w.asked.Load())
	}
}

func TestBoottimeGoesOn(t *testing.T) {
	a := Boottime()
	if b := Boottime(); b < a || a <= 0 {
		t.Fatal(a, b)
	}
}

func BenchmarkLease(b *testing.B) {
	w := leader(7, 42)
	c := New(Config{Lease: time.Hour, Clock: Boottime, Standing: func() Standing { return w.standing }})
	c.Heard("b", 7, Boottime())
	for b.Loop() {
		if _, _, err := c.Leader(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
