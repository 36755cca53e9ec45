package demo

import (
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/monitor/cluster"
	"pingd/monitor/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var begin = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func second(n int) time.Time { return begin.Add(time.Duration(n) * time.Second) }

// told plays the story second by second and returns the state at each.
func told(c *Cluster, seconds int) (all []cluster.State) {
	for i := range seconds {
		all = append(all, c.At(second(i)))
	}
	return all
}

func TestStory(t *testing.T) {
	all := told(New(begin), 260)
	counter := func(i int) bool { return all[i].Counters[2].Alive }
	if !counter(99) || counter(101) || counter(144) || !counter(146) {
		t.Errorf("the counter of h3 lives at 99, 101, 144, 146 s: %v %v %v %v", counter(99), counter(101), counter(144), counter(146))
	}
	for at, want := range map[int]string{0: "h2", 199: "h2", 201: "", 203: "h1", 259: "h1"} {
		if all[at].Leader != want {
			t.Errorf("at %d s %q leads, want %q", at, all[at].Leader, want)
		}
	}
	if all[259].Term != all[0].Term+1 {
		t.Errorf("term %d, then %d", all[0].Term, all[259].Term)
	}
	for at, want := range map[int]bool{199: true, 201: false, 213: false, 215: true} {
		if all[at].Stores[1].Alive != want {
			t.Errorf("at %d s the store h2 lives: %v", at, all[at].Stores[1].Alive)
		}
	}
	if v := cluster.Judge(all[50]); v.Word != cluster.OK {
		t.Errorf("at the beginning %+v", v)
	}
	if v := cluster.Judge(all[201]); v.Word != cluster.Down {
		t.Errorf("without a leader %+v", v)
	}
}

// TestCountersOnlyGrow holds for the demo what the monitor relies on everywhere.
func TestCountersOnlyGrow(t *testing.T) {
	all := told(New(begin), 260)
	for i := 1; i < len(all); i++ {
		a, b := &all[i-1], &all[i]
		for j := range b.Proxies {
			p, q := &a.Proxies[j], &b.Proxies[j]
			if q.Requests < p.Requests || q.BytesOut < p.BytesOut || q.Errors < p.Errors {
				t.Fatalf("second %d: proxy %+v after %+v", i, q, p)
			}
			for k := range q.Backends {
				if q.Backends[k].Requests < p.Backends[k].Requests || q.Backends[k].DowntimeSec < p.Backends[k].DowntimeSec {
					t.Fatalf("second %d: backend %+v after %+v", i, q.Backends[k], p.Backends[k])
				}
			}
			for k, n := range q.Latency.Counts {
				if n < p.Latency.Counts[k] {
					t.Fatalf("second %d: bucket %d falls", i, k)
				}
			}
		}
		for j := range b.Stores {
			s := &b.Stores[j]
			if s.Commit < a.Stores[j].Commit || s.Applied > s.Commit || s.Last < s.Commit || s.Alive && s.Lag != s.Commit-s.Applied {
				t.Fatalf("second %d: store %+v", i, s)
			}
		}
	}
	if first, last := all[0], all[259]; last.Counters[0].Visits == first.Counters[0].Visits || last.Stores[0].Commands == first.Stores[0].Commands {
		t.Error("nothing happens")
	}
}

// TestSameStory holds that two are told alike: a test that fails fails again.
func TestSameStory(t *testing.T) {
	if a, b := told(New(begin), 120), told(New(begin), 120); !reflect.DeepEqual(a, b) {
		t.Error("two stories differ")
	}
}

// TestStatesAreTheReaders holds that a state handed out does not change any more.
func TestStatesAreTheReaders(t *testing.T) {
	c := New(begin)
	first, twin := c.At(second(1)), New(begin).At(second(1))
	told(c, 210)
	if !reflect.DeepEqual(first, twin) {
		t.Error("a state changed after it was handed out")
	}
}

func TestBreakAndLead(t *testing.T) {
	c := New(begin)
	term := c.At(second(1)).Term
	c.Break("h1", true)
	c.Lead("h3")
	s := c.At(second(2))
	if s.Leader != "h3" || s.Term != term+1 || s.Nodes[0].Alive || s.Nodes[0].Error == "" || s.Stores[0].Alive || s.Counters[0].Alive || s.Proxies[0].Alive {
		t.Errorf("%+v", s)
	}
	if b := s.Proxies[1].Backends[0]; b.State != "DOWN" || b.ChecksFail == 0 || !b.LastChange.Equal(second(2)) {
		t.Errorf("its server at the other proxy: %+v", b)
	}
	c.Break("h1", false)
	c.Change(func(s *cluster.State) { s.Name = "other" })
	s = c.At(second(3))
	if !s.Nodes[0].Alive || s.Nodes[0].Error != "" || s.Proxies[1].Backends[0].State != "UP" || s.Name != "other" {
		t.Errorf("alive again: %+v", s)
	}
}

// TestClockThatJumps holds that a clock that stands, goes back or leaps makes no absurd
// figures.
func TestClockThatJumps(t *testing.T) {
	c := New(begin)
	last := c.At(second(10))
	for _, at := range []int{10, 5, 5, 100_000, 100_001} {
		s := c.At(second(at))
		if grown := s.Proxies[0].Requests - last.Proxies[0].Requests; grown > 60*8000 {
			t.Errorf("at %d s: %d requests in a step", at, grown)
		}
		last = s
	}
}

func TestPast(t *testing.T) {
	ring := history.NewRing(400)
	state, events := New(begin).Past(ring, second(260))
	if state.Leader != "h1" || len(events) < 4 {
		t.Errorf("%d events, at the end %q leads", len(events), state.Leader)
	}
	if _, newest := ring.Bounds(); newest != second(259).Unix() {
		t.Errorf("newest second %d, want %d", newest, second(259).Unix())
	}
	for _, name := range []string{"cpu.busy", "mem.used", "net.rx"} {
		if v, ok := ring.Value(name); !ok || v <= 0 {
			t.Errorf("%s is %g, %v", name, v, ok)
		}
	}
	if none, events := New(begin).Past(history.NewRing(10), begin); !none.Time.IsZero() || events != nil {
		t.Errorf("no time has passed: %+v, %v", none, events)
	}
}
