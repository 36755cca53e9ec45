package upstream

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pingd/proxy/balance"
	"pingd/proxy/health"
)

func hashing(load func(*Server) int64) balance.Balancer[*Server] {
	return balance.NewHash((*Server).ID)
}

// picks returns the names of n servers picked for w, each let go of at once.
func picks(t *testing.T, s *Set, w Want, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		m, err := s.Acquire(t.Context(), &w)
		if err != nil {
			t.Fatal(err)
		}
		got[m.Name()]++
		s.Release(m)
	}
	return got
}

func TestHashSticksToAServer(t *testing.T) {
	bubble(t, Config{Balance: hashing}, func(t *testing.T, s *Set, n *network) {
		s.Update(list("a:1", "b:1", "c:1"))
		synctest.Wait()
		var first string
		for name, k := range picks(t, s, Want{Key: 7}, 20) {
			if first = name; k != 20 {
				t.Errorf("%s got %d of 20", name, k)
			}
		}
		spread := map[string]bool{}
		for key := range uint64(50) {
			for name := range picks(t, s, Want{Key: key}, 1) {
				spread[name] = true
			}
		}
		if len(spread) != 3 {
			t.Errorf("50 keys went to %v", spread)
		}
		n.set(first, true)
		<-time.After(10 * time.Second)
		for name, k := range picks(t, s, Want{Key: 7}, 20) {
			if name == first || k != 20 {
				t.Errorf("while %s is down %s got %d", first, name, k)
			}
		}
		n.set(first, false)
		<-time.After(10 * time.Second)
		if got := picks(t, s, Want{Key: 7}, 1); got[first] != 1 {
			t.Errorf("not back at %s: %v", first, got)
		}
	})
}

func TestPreferredServer(t *testing.T) {
	bubble(t, Config{StickyKey: []byte("k"), Queue: time.Second}, func(t *testing.T, s *Set, n *network) {
		s.Update(list("a:1", "b:1 maxconn=1", "c:1 weight=0"))
		synctest.Wait()
		b, c := s.Servers()[1], s.Servers()[2]
		if s.Marked(b.Mark()[:]) != b || s.Marked([]byte("0123456789abcdef")) != nil || s.Marked(nil) != nil {
			t.Fatal("marks")
		}
		if got := picks(t, s, Want{Prefer: b}, 5); got["b:1"] != 5 {
			t.Error(got)
		}
		if got := picks(t, s, Want{Prefer: c}, 5); got["c:1"] != 5 {
			t.Error("weight 0 turns away those that a cookie brings:", got)
		}
		// Its slot is taken: it is waited for, while others get theirs.
		m, _ := s.Acquire(t.Context(), &Want{Prefer: b})
		began := time.Now()
		if _, err := s.Acquire(t.Context(), &Want{Prefer: b}); !errors.Is(err, ErrQueue) || time.Since(began) != time.Second {
			t.Error(err, time.Since(began))
		}
		got := make(chan *Server)
		go func() { m, _ := s.Acquire(t.Context(), &Want{Prefer: b}); got <- m }()
		synctest.Wait()
		if g := picks(t, s, Want{}, 3); g["a:1"] != 3 {
			t.Error("one that waits for its server holds up others:", g)
		}
		s.Release(m)
		if m := <-got; m != b {
			t.Error(m)
		}
		s.Release(b)
		s.Override(map[string]Override{"b:1": {Drain: true}})
		if got := picks(t, s, Want{Prefer: b}, 5); got["b:1"] != 0 {
			t.Error("a drained server gets new requests:", got)
		}
		s.Override(nil)
		n.set("b:1", true)
		<-time.After(10 * time.Second)
		if got := picks(t, s, Want{Prefer: b}, 5); got["a:1"] != 5 {
			t.Error("a server that is down is preferred:", got)
		}
	})
}

func TestOverride(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, _ *network) {
		s.Override(map[string]Override{"b:1": {Drain: true}}) // before it is there
		s.Update(list("a:1", "b:1"))
		synctest.Wait()
		if got := picks(t, s, Want{}, 4); got["a:1"] != 4 {
			t.Error(got)
		}
		if v := s.Servers()[1].View(); !v.Draining || v.Weight != 0 || v.State != health.Up {
			t.Errorf("%+v", v)
		}
		s.Override(map[string]Override{"b:1": {Weighted: true, Weight: 3}})
		if got := picks(t, s, Want{}, 4); got["b:1"] != 3 {
			t.Error(got)
		}
		s.Update(list("a:1", "b:1 weight=7")) // what the server says of itself does not count
		if got := picks(t, s, Want{}, 4); got["b:1"] != 3 {
			t.Error(got)
		}
		s.Override(nil)
		if got := picks(t, s, Want{}, 8); got["b:1"] != 7 {
			t.Error(got)
		}
		s.Override(map[string]Override{"a:1": {Drain: true}, "b:1": {Drain: true}})
		began := time.Now()
		if _, err := s.Acquire(t.Context(), &Want{}); err != ErrNoServer || time.Since(began) > 0 {
			t.Error("all drained:", err)
		}
	})
}

func TestSlowStart(t *testing.T) {
	bubble(t, Config{SlowStart: 10 * time.Second}, func(t *testing.T, s *Set, n *network) {
		n.set("b:1", true)
		s.Update(list("a:1", "b:1 check-down-interval=10ms check-fast-interval=10ms"))
		synctest.Wait()
		if got := picks(t, s, Want{}, 10); got["a:1"] != 10 {
			t.Error(got)
		}
		n.set("b:1", false)
		<-time.After(50 * time.Millisecond) // up
		for _, c := range []struct {
			after time.Duration
			least int
			most  int
		}{{0, 0, 20}, {5 * time.Second, 300, 360}, {6 * time.Second, 500, 500}} {
			<-time.After(c.after)
			if got := picks(t, s, Want{}, 1000); got["b:1"] < c.least || got["b:1"] > c.most {
				t.Errorf("after %v more: %v", c.after, got)
			}
		}
	})
}

// TestVotes: with two other proxies it takes a majority to take a server out of
// reach, and a majority is obeyed.
func TestVotes(t *testing.T) {
	told := 0
	bubble(t, Config{Changed: func() { told++ }}, func(t *testing.T, s *Set, n *network) {
		votes := func(down int) {
			s.Votes(func(server string) health.Votes {
				if server != "b:1" {
					return health.Votes{Others: 2, Down: down}
				}
				return health.Votes{}
			})
		}
		l := list("a:1", "b:1", "c:1")
		l[2].Local = true
		s.Update(l)
		synctest.Wait()
		a := s.Servers()[0]
		votes(0)
		n.set("a:1", true)
		<-time.After(10 * time.Second)
		if a.State() != health.Refusing || len(s.Down()) != 1 || told != 1 {
			t.Errorf("%v alone, down %v, told %d times", a.State(), s.Down(), told)
		}
		votes(1)
		if a.State() != health.Down {
			t.Errorf("%v for two of three", a.State())
		}
		n.set("a:1", false)
		<-time.After(10 * time.Second)
		if a.State() != health.Up || len(s.Down()) != 0 || told != 2 {
			t.Errorf("%v while one of three says down, told %d times", a.State(), told)
		}
		votes(2)
		if c := s.Servers()[2]; c.State() != health.Up {
			t.Errorf("%v: others decide about a server that they need not know", c.State())
		}
		if a.State() != health.Down || told != 2 {
			t.Errorf("%v while the others say down, told %d times", a.State(), told)
		}
		votes(0)
		if a.State() != health.Up {
			t.Error(a.State())
		}
	})
}

func TestRestore(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, _ *network) {
		s.Restore(map[string]bool{"a:1": true})
		s.Update(list("a:1", "b:1"))
		synctest.Wait()
		a, b := s.Servers()[0], s.Servers()[1]
		if a.State() != health.Down || b.State() != health.Up {
			t.Errorf("%v, %v", a.State(), b.State())
		}
		<-time.After(time.Second) // a second passed check
		if a.State() != health.Up {
			t.Error(a.State())
		}
	})
}

func TestTimingOfOneServer(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, n *network) {
		s.Update(list("a:1 check-interval=100ms check-fall=1", "b:1"))
		<-time.After(10 * time.Second)
		if a, b := n.count("a:1"), n.count("b:1"); a < 85 || a > 115 || b > 7 {
			t.Errorf("%d and %d checks in 10 s", a, b)
		}
		n.set("a:1", true)
		<-time.After(120 * time.Millisecond)
		if m := s.Servers()[0]; m.State() != health.Down {
			t.Errorf("%v after one failure", m.State())
		}
	})
}

// TestManyWaitAtOnce: who waits and who frees a slot do not touch the same request.
// The race detector judges it.
func TestManyWaitAtOnce(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, _ *network) {
		s.Update(list("a:1 maxconn=1"))
		synctest.Wait()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 300 {
					var w Want
					m, err := s.Acquire(t.Context(), &w)
					if err != nil || w.Why != ByTurn {
						t.Errorf("%v, %v", err, w.Why)
						return
					}
					s.Release(m)
				}
			})
		}
		wg.Wait()
	})
}
