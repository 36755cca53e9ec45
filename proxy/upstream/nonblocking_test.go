package upstream

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/proxy/health"
)

// ups returns a Set whose members are all up, without checks.
func ups(t *testing.T, values ...string) *Set {
	t.Helper()
	s := NewSet(Config{Queue: 10 * time.Second})
	var list []Backend
	for _, v := range values {
		b, err := Parse("", v)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	s.Update(list)
	for _, m := range s.Servers() {
		m.state.Store(uint32(health.Up))
		m.seen.Store(true)
	}
	return s
}

// TestPickersShareSlots: many workers, each with its own picker, and others that
// wait: never more than maxconn at once, nobody waits for ever, nothing is left.
func TestPickersShareSlots(t *testing.T) {
	s := ups(t, "10.0.0.1:1 maxconn=2", "10.0.0.2:1 maxconn=1", "10.0.0.3:1 maxconn=3")
	inside := map[*Server]*atomic.Int64{}
	for _, m := range s.Servers() {
		inside[m] = new(atomic.Int64)
	}
	use := func(m *Server) {
		if n := inside[m].Add(1); n > int64(m.Backend().MaxConn) {
			t.Errorf("%d at once on %s", n, m.Name())
		}
		inside[m].Add(-1)
		s.Release(m)
	}
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			p := s.NewPicker()
			var takesAny Want
			for range 500 {
				if !s.Crowd() {
					if m, _ := p.Pick(&takesAny); m != nil {
						use(m)
						continue
					}
				}
				if worker%2 == 0 {
					m, err := s.Acquire(t.Context(), &takesAny)
					if err != nil {
						t.Error(err)
						return
					}
					use(m)
					continue
				}
				got := make(chan *Server, 1)
				w := &Waiter{Got: func(m *Server) { got <- m }}
				m, wait := s.Wait(w)
				if m == nil && wait > 0 {
					m = <-got
				}
				use(m)
			}
		})
	}
	wg.Wait()
	if s.Waiting() != 0 || s.Crowd() {
		t.Errorf("%d still wait", s.Waiting())
	}
	for _, m := range s.Servers() {
		if v := m.View(); v.Active != 0 || v.Peak > int64(m.Backend().MaxConn) {
			t.Errorf("%s: %d active, peak %d", m.Name(), v.Active, v.Peak)
		}
	}
}

// TestQueueLetsOthersPass: a request that only some servers may take does not hold
// up those behind it.
func TestQueueLetsOthersPass(t *testing.T) {
	s := ups(t, "10.0.0.1:1 maxconn=1 idempotency=key", "10.0.0.2:1 maxconn=1")
	var takesAny Want
	p := s.NewPicker()
	a, _ := p.Pick(&takesAny)
	b, _ := p.Pick(&takesAny)
	keyed, plain := a, b
	if !keyed.Backend().Keyed {
		keyed, plain = b, a
	}
	order := []string{}
	wait := func(name string, keyed bool) {
		w := &Waiter{Want: Want{Keyed: keyed}, Got: func(m *Server) { order = append(order, name) }}
		if m, d := s.Wait(w); m != nil || d <= 0 {
			t.Fatalf("%s does not wait", name)
		}
	}
	wait("keyed", true)
	wait("first", false)
	wait("second", false)
	s.Release(plain)
	s.Release(keyed)
	s.Release(plain)
	if !slices.Equal(order, []string{"first", "keyed", "second"}) {
		t.Errorf("served %v", order)
	}
}

func TestLeaveTheQueue(t *testing.T) {
	s := ups(t, "10.0.0.1:1 maxconn=1")
	var takesAny Want
	m, _ := s.NewPicker().Pick(&takesAny)
	calls := 0
	gone, stays := &Waiter{Got: func(*Server) { t.Error("called after leaving") }}, &Waiter{Got: func(*Server) { calls++ }}
	s.Wait(gone)
	s.Wait(stays)
	if !s.Leave(gone) || s.Leave(gone) {
		t.Error("left not once")
	}
	s.Release(m)
	if calls != 1 || s.Leave(stays) || s.Crowd() {
		t.Errorf("called %d times, crowd %v", calls, s.Crowd())
	}
	// Membership ends: those who wait are told that there is nobody.
	told := make(chan *Server, 1)
	s.began = time.Now().Add(-time.Hour)
	s.Wait(&Waiter{Got: func(m *Server) { told <- m }})
	s.Update(nil)
	if m := <-told; m != nil {
		t.Error("got a server that is gone")
	}
}

// TestPickersFollowTheMembers: each picker sees changes with its next pick.
func TestPickersFollowTheMembers(t *testing.T) {
	s := ups(t, "10.0.0.1:1", "10.0.0.2:1 weight=3")
	changes := 0
	s.Watch(func() { changes++ })
	p := s.NewPicker()
	var takesAny Want
	count := func() map[string]int {
		n := map[string]int{}
		for range 40 {
			if m, _ := p.Pick(&takesAny); m != nil {
				n[m.Name()]++
				s.Release(m)
			}
		}
		return n
	}
	if n := count(); n["10.0.0.1:1"] != 10 || n["10.0.0.2:1"] != 30 {
		t.Errorf("%v", n)
	}
	list := []Backend{{Name: "10.0.0.2:1", Addr: "10.0.0.2:1", Weight: 1}}
	old := s.Servers()[0]
	s.Update(list)
	if n := count(); n["10.0.0.2:1"] != 40 || changes != 1 || !old.Gone() {
		t.Errorf("%v after %d changes", n, changes)
	}
	s.Update(append(list, Backend{Name: "c", Addr: "10.0.0.3:1", Weight: 0}))
	if n := count(); n["c"] != 0 {
		t.Errorf("%v: one without weight is picked", n)
	}
}

func TestResolved(t *testing.T) {
	s := ups(t, "10.0.0.1:81", "[::1]:82", "name.invalid:83")
	for i, want := range []string{"10.0.0.1:81", "[::1]:82", "invalid AddrPort"} {
		if got := s.Servers()[i].Resolved().String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestNoticed: connections that loops could not make count like any other.
func TestNoticed(t *testing.T) {
	s := NewSet(Config{
		Health: health.Config{Interval: time.Hour, Refusals: 3},
		Dial:   func(context.Context, string) (net.Conn, error) { a, b := net.Pipe(); _ = b.Close(); return a, nil },
	})
	s.Update([]Backend{{Name: "a", Addr: "10.0.0.1:1", Weight: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	m := s.Servers()[0]
	wait := func(what string, cond func() bool) {
		t.Helper()
		for range 2000 {
			if cond() {
				return
			}
			<-time.After(time.Millisecond)
		}
		t.Fatal(what)
	}
	wait("up", func() bool { return m.State() == health.Up })
	m.Noticed(true)
	m.Noticed(false)
	m.Noticed(false)
	wait("two errors", func() bool { return m.ConnectErrors.Load() == 2 })
	m.Noticed(true) // in between: refusals count in a row only
	wait("trouble forgotten", func() bool { return !m.troubled.Load() })
	m.Noticed(false)
	m.Noticed(false)
	wait("four errors", func() bool { return m.ConnectErrors.Load() == 4 })
	if m.State() != health.Up {
		t.Error("out after refusals that were not in a row")
	}
	m.Noticed(false)
	wait("a fifth error", func() bool { return m.ConnectErrors.Load() == 5 })
}
