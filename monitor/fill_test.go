package monitor

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/api"
	"pingd/monitor/cluster"
	"pingd/monitor/demo"
	"pingd/monitor/history"
	"pingd/monitor/host/fixture"
)

// TestMissedSecondsAreLearned cuts a monitor off from the cluster while the leader
// changes, and holds that it knows afterwards what it would have seen.
func TestMissedSecondsAreLearned(t *testing.T) {
	proc, sys := fixture.Machine.Plant(t)
	synctest.Test(t, func(t *testing.T) {
		c := demo.New(time.Now())
		var mu sync.Mutex
		remembered := map[int64]cluster.State{} // what the processes remember; guarded by mu
		cut := false
		r := run(t, proc, sys, func(cfg *Config) {
			cfg.Rules = []alert.Rule{}
			cfg.Cluster = func(context.Context) (cluster.State, error) {
				now := time.Now()
				s := c.At(now)
				s.Time = now.Truncate(time.Second)
				mu.Lock()
				defer mu.Unlock()
				remembered[now.Unix()] = s
				if cut {
					return cluster.State{}, errors.New("cut off")
				}
				return s, nil
			}
			cfg.Past = func(_ context.Context, from, to time.Time) (out []cluster.State, err error) {
				mu.Lock()
				defer mu.Unlock()
				for s := from.Unix(); s <= to.Unix(); s++ {
					if state, ok := remembered[s]; ok {
						out = append(out, state)
					}
				}
				return out, nil
			}
		})
		pass(30 * time.Second)
		set := func(c bool) {
			mu.Lock()
			defer mu.Unlock()
			cut = c
		}
		set(true)
		from := time.Now().Unix() + 2
		pass(10 * time.Second)
		c.Lead("h3")
		pass(20 * time.Second)
		to := time.Now().Unix() - 2
		if v := r.history.Stat(witness, from, to); v.N != 0 {
			t.Fatalf("%d seconds of a time it was cut off", v.N)
		}
		set(false)
		pass(30 * time.Second)
		if v := r.history.Stat("requests.rate", from, to); v.N < int(to-from) || v.Min < 1000 {
			t.Errorf("of %d missed seconds it learned %+v", to-from+1, v)
		}
		var leaders []string
		for _, e := range r.board.Events.Since(0) {
			if e.Kind == "leader" {
				leaders = append(leaders, e.Text)
			}
		}
		if len(leaders) != 1 || !strings.HasPrefix(leaders[0], "leader h2 → h3") {
			t.Errorf("events %q: the change of leader once", leaders)
		}
	})
}

// TestStartLearnsTheLastHour holds that a monitor that is new knows the past of a
// cluster that is not, with the events at their time.
func TestStartLearnsTheLastHour(t *testing.T) {
	proc, sys := fixture.Machine.Plant(t)
	synctest.Test(t, func(t *testing.T) {
		born := time.Now()
		pass(15 * time.Minute)
		old := demo.New(born)
		var remembered []cluster.State
		for s := born; s.Before(time.Now()); s = s.Add(time.Second) {
			remembered = append(remembered, old.At(s))
		}
		asked := 0
		r := run(t, proc, sys, func(cfg *Config) {
			cfg.Rules = []alert.Rule{}
			cfg.Past = func(_ context.Context, from, to time.Time) (out []cluster.State, err error) {
				asked++
				if to.Sub(from) > 10*time.Minute {
					t.Errorf("asked for %v at once", to.Sub(from))
				}
				for _, s := range remembered {
					if !s.Time.Before(from) && !s.Time.After(to) {
						out = append(out, s)
					}
				}
				return out, nil
			}
		})
		pass(time.Minute)
		if v := r.history.Stat("raft.commits", born.Unix()+5, born.Unix()+850); v.N < 840 {
			t.Errorf("%d of 845 seconds are known", v.N)
		}
		found := false
		for _, e := range r.board.Events.Since(0) {
			if e.Kind == "leader" && strings.HasPrefix(e.Text, "no leader") {
				found = true
				if at := e.Time.Sub(born).Seconds(); at < 200 || at > 202 {
					t.Errorf("the leader was lost at %v s, want 201", at)
				}
			}
		}
		if !found {
			t.Error("the loss of the leader is not known")
		}
		before := asked
		pass(time.Minute)
		if asked != before {
			t.Errorf("it goes on asking for what nobody knows: %d times more", asked-before)
		}
	})
}

// TestOldHistoryIsTakenOver lets a monitor with an empty disk learn the last days
// from one that was there.
func TestOldHistoryIsTakenOver(t *testing.T) {
	proc, sys := fixture.Machine.Plant(t)
	now := time.Now().Truncate(time.Hour).Add(90 * time.Second)
	old := made(t, Config{Name: "h2", HostProc: proc, HostSys: sys, Engine: "off", Dir: t.TempDir(), Rules: []alert.Rule{}})
	const hours = 3
	start := now.Add(-hours * time.Hour)
	c := demo.New(start)
	for i := range hours*3600 + 1 {
		at := start.Add(time.Duration(i) * time.Second)
		if i%20 != 0 && i < hours*3600-60 {
			continue // a value in twenty seconds does
		}
		state := c.At(at)
		old.board.SetCluster(state, at)
		old.prev.Time = at.Add(-time.Second)
		old.now.Time = at
		old.record(at)
		if at.Second() == 3 || i%60 == 0 {
			old.history.Minute(at.Unix())
		}
	}
	srv := httptest.NewServer(old.Handler())
	defer srv.Close()

	m := made(t, Config{Name: "h1", HostProc: proc, HostSys: sys, Engine: "off", Dir: t.TempDir(), Rules: []alert.Rule{}, Peer: func(node string) (api.Peer, bool) {
		return api.Peer{Base: srv.URL}, node == "h2"
	}})
	m.take(c.At(now), nil, now)
	m.tick(now)
	gaps := m.history.Missing(witness, now.Unix())
	if len(gaps) < 24 {
		t.Fatalf("an empty archive lacks %d pieces", len(gaps))
	}
	m.copyOld(t.Context(), now, 0)
	from := start.Unix()/3600*3600 + 3600
	q := m.history.Fit(history.Query{From: from, To: from + 3*3600 - 1, Step: 60})
	points, err := m.history.Points([]string{"requests.rate", "cpu.busy"}, q)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, p := range points[0] {
		if !p.Empty() && p.Avg > 1000 && p.Min <= p.Avg && p.Avg <= p.Max {
			known++
		}
	}
	if known < 57 {
		t.Errorf("%d of 60 minutes are known", known)
	}
	for _, p := range points[1] {
		if !p.Empty() {
			t.Fatalf("the other host's own figures were taken over: %v", p)
		}
	}
	srv.Close()
	m.copyOld(t.Context(), now, 0) // nobody answers: no harm
}
