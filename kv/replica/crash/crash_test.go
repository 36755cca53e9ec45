package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// world is a cluster whose leader is "l"; its followers watch it.
type world struct {
	mu     sync.Mutex
	alive  map[string]bool // whom the leader still accepts connections of
	leader map[string]Leader
	logs   map[string]Log
	voters int
	ended  map[string]chan struct{}
	news   map[string]chan struct{}
	watch  map[string]*Watch
	stood  []string
	mute   map[string]bool // does not answer the others
	dials  int
	wg     sync.WaitGroup
}

func newWorld(t *testing.T, followers ...string) *world {
	w := &world{
		alive: map[string]bool{}, leader: map[string]Leader{}, logs: map[string]Log{}, voters: len(followers) + 1,
		ended: map[string]chan struct{}{}, news: map[string]chan struct{}{}, watch: map[string]*Watch{}, mute: map[string]bool{},
	}
	ctx, cancel := context.WithCancel(context.Background())
	for _, name := range followers {
		w.alive[name], w.logs[name] = true, Log{Name: name, LastTerm: 3, LastIx: 10}
		w.leader[name] = Leader{Name: "l", Addr: "l:1", Term: 3}
		w.ended[name], w.news[name] = make(chan struct{}), make(chan struct{}, 1)
		w.watch[name] = New(w.config(name, followers))
	}
	for _, name := range followers {
		w.wg.Go(func() { w.watch[name].Run(ctx) })
	}
	t.Cleanup(func() { cancel(); w.wg.Wait() })
	return w
}

func (w *world) config(name string, followers []string) Config {
	locked := func(f func()) { w.mu.Lock(); defer w.mu.Unlock(); f() }
	return Config{
		Name: name, Logger: slog.New(slog.DiscardHandler),
		Leader: func() (l Leader, ok bool) {
			locked(func() { l, ok = w.leader[name] })
			return l, ok
		},
		Followed: func(context.Context, Leader) (c <-chan struct{}, err error) {
			locked(func() { c = w.ended[name] })
			return c, nil
		},
		Dial: func(context.Context, Leader) (err error) {
			locked(func() {
				w.dials++
				if !w.alive[name] {
					err = fmt.Errorf("dial l: %w", syscall.ECONNREFUSED)
				}
			})
			return err
		},
		Voters: func(Leader) (int, []string) {
			return w.voters, slices.DeleteFunc(slices.Clone(followers), func(n string) bool { return n == name })
		},
		Ask: func(ctx context.Context, to string, question []byte) ([]byte, error) {
			var mute bool
			locked(func() { mute = w.mute[to] })
			if mute {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return w.watch[to].Answer(ctx, question)
		},
		Log: func() (l Log) {
			locked(func() { l = w.logs[name] })
			return l
		},
		Stand:   func(context.Context, Leader) error { locked(func() { w.stood = append(w.stood, name) }); return nil },
		Changes: func(context.Context) <-chan struct{} { return w.news[name] },
	}
}

// end ends the connections of all followers to the leader; refuses says whether it
// refuses new ones.
func (w *world) end(refuses bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, c := range w.ended {
		w.alive[name] = !refuses
		close(c)
		w.ended[name] = make(chan struct{})
	}
}

func (w *world) settle() []string {
	<-time.After(time.Second)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stood
}

func TestTheLongestLogStandsOnceAMajorityIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		followers []string
		change    func(w *world)
		refuses   bool
		want      string
	}{
		"equal logs: the first by name": {[]string{"a", "b"}, func(*world) {}, true, "[a]"},
		"one has more":                  {[]string{"a", "b"}, func(w *world) { w.logs["b"] = Log{"b", 3, 11} }, true, "[b]"},
		"one is of a later term":        {[]string{"a", "b"}, func(w *world) { w.logs["a"] = Log{"a", 2, 99} }, true, "[b]"},
		"it only closed connections":    {[]string{"a", "b"}, func(*world) {}, false, "[]"},
		"the other follows another":     {[]string{"a", "b"}, func(w *world) { w.leader["b"] = Leader{"x", "x:1", 3} }, true, "[]"},
		"the other is in another term":  {[]string{"a", "b"}, func(w *world) { w.leader["b"] = Leader{"l", "l:1", 4} }, true, "[]"},
		"the other does not answer":     {[]string{"a", "b"}, func(w *world) { w.mute["b"] = true }, true, "[]"},
		"three of five are enough":      {[]string{"a", "b", "c", "d"}, func(w *world) { w.mute["d"] = true }, true, "[a]"},
		"two of five are not":           {[]string{"a", "b", "c", "d"}, func(w *world) { w.mute["c"], w.mute["d"] = true, true }, true, "[]"},
		"one of two is not":             {[]string{"a"}, func(*world) {}, true, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.followers...)
				w.mu.Lock()
				c.change(w)
				w.mu.Unlock()
				synctest.Wait()
				w.end(c.refuses)
				if got := fmt.Sprint(w.settle()); got != c.want {
					t.Errorf("%v stood, want %v", got, c.want)
				}
			})
		})
	}
}

func TestALeaderThatStillAcceptsTheOtherIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		synctest.Wait()
		w.end(true)
		w.mu.Lock()
		w.alive["b"] = true // a firewall between a and the leader
		w.mu.Unlock()
		if got := w.settle(); len(got) > 0 {
			t.Errorf("%v stood", got)
		}
	})
}

func TestItHappensOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		for range 10 {
			synctest.Wait()
			w.end(true)
			<-time.After(dialWait)
		}
		if got := w.settle(); len(got) != 1 {
			t.Errorf("%v stood", got)
		}
		if w.dials > 50 {
			t.Errorf("%d dials", w.dials)
		}
		<-time.After(calm)
		synctest.Wait()
		w.end(true)
		if got := w.settle(); len(got) != 2 {
			t.Errorf("%v stood", got)
		}
	})
}

func TestAnotherLeaderIsFollowedNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		synctest.Wait()
		w.mu.Lock()
		delete(w.leader, "a")
		w.mu.Unlock()
		w.news["a"] <- struct{}{} // no leader
		synctest.Wait()
		w.mu.Lock()
		for name := range w.leader {
			w.leader[name] = Leader{"m", "m:1", 4}
		}
		w.leader["a"] = Leader{"m", "m:1", 4}
		w.mu.Unlock()
		w.news["a"] <- struct{}{}
		w.news["b"] <- struct{}{}
		synctest.Wait()
		w.end(true)
		if got := fmt.Sprint(w.settle()); got != "[a]" {
			t.Errorf("%v stood", got)
		}
	})
}

func TestQuestionsAndAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Leader{Name: rapid.String().Draw(t, "name"), Term: rapid.Uint64().Draw(t, "term")}
		if got, ok := parseQuestion(appendQuestion(nil, l)); !ok || got != l {
			t.Fatalf("%+v, %v", got, ok)
		}
	})
	for _, b := range [][]byte{nil, {0x80}} {
		if _, ok := parseQuestion(b); ok {
			t.Errorf("%v is a question", b)
		}
		if parseLog("a", b) != nil || parseLog("a", append([]byte{1}, b...)) != nil {
			t.Errorf("%v is an answer", b)
		}
	}
	if _, err := New(Config{}).Answer(t.Context(), nil); !errors.Is(err, errMalformed) {
		t.Error(err)
	}
}
