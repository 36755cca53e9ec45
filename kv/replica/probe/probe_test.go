package probe

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"pingd/kv/replica/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStateComesBackAndAnOlderOneIsUnderstood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64()
		s := State{
			Term: n.Draw(t, "term"), Last: n.Draw(t, "last"), Commit: n.Draw(t, "commit"), Applied: n.Draw(t, "applied"),
			Low: rapid.Bool().Draw(t, "low"), Leads: rapid.Bool().Draw(t, "leads"), Leases: rapid.Bool().Draw(t, "leases"),
			Leader: rapid.StringN(0, 60, 200).Draw(t, "leader"), Addr: rapid.StringN(0, 60, 200).Draw(t, "addr"),
			Incarnation: n.Draw(t, "incarnation"),
		}
		b := s.Append(nil)
		got, ok := Parse(b)
		if !ok || got != s {
			t.Fatalf("%+v came back as %+v, %v", s, got, ok)
		}
		if longer, ok := Parse(append(b, "what a later version adds"...)); !ok || longer != s {
			t.Fatalf("with more at the end: %+v, %v", longer, ok)
		}
		numbers := (&State{Term: s.Term, Last: s.Last, Commit: s.Commit, Applied: s.Applied}).Append(nil)
		if got, ok := Parse(numbers[:len(numbers)-4]); !ok || got.Applied != s.Applied || got.Leader != "" {
			t.Fatalf("of an earlier version: %+v, %v", got, ok)
		}
	})
}

func FuzzParse(f *testing.F) {
	s := State{Term: 1, Last: 2, Commit: 3, Applied: 4, Low: true, Leader: "a", Addr: "b:1"}
	f.Add(s.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := Parse(b); ok {
			if again, ok := Parse(s.Append(nil)); !ok || again != s {
				t.Fatalf("%+v, %+v", s, again)
			}
		}
	})
}

func TestAge(t *testing.T) {
	at := time.Unix(1000, 0)
	a := age{}
	a.told(10, at, 9)
	if !a.fresh.IsZero() {
		t.Error("fresh before anything was applied")
	}
	// What is told meanwhile does not count before the first is reached: else a node
	// that is always a little behind would never be fresh.
	a.told(20, at.Add(time.Second), 9)
	a.look(10)
	if !a.fresh.Equal(at) {
		t.Errorf("fresh at %v", a.fresh)
	}
	a.told(20, at.Add(2*time.Second), 25)
	if !a.fresh.Equal(at.Add(2 * time.Second)) {
		t.Errorf("fresh at %v", a.fresh)
	}
}

// member is a node that answers with a state.
type member struct {
	bus  *bus.Bus
	addr string

	mu    sync.Mutex
	state State
	mute  bool
}

func start(t *testing.T, name string) *member {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &member{addr: ln.Addr().String()}
	m.bus = bus.New(bus.Config{
		Listener: ln, Self: func() bus.Identity { return bus.Identity{Cluster: "c", Name: name, Instance: name} },
		Handler: func(_ context.Context, _ bus.Peer, _ byte, _ []byte, reply func(byte, []byte)) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if !m.mute {
				reply(bus.StatusOK, m.state.Append(nil))
			}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.bus.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *member) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestProberKnowsWhoLivesWhoLeadsAndHowOldItsDataIs(t *testing.T) {
	self, other := start(t, "a"), start(t, "b")
	other.set(func() {
		other.state = State{Term: 3, Commit: 10, Applied: 10, Leads: true, Leader: "b", Addr: other.addr}
	})
	self.set(func() { self.state = State{Term: 3, Applied: 9, Leader: "b"} })
	news := make(chan struct{}, 100)
	gone := false
	p := New(Config{
		Links: self.bus.NewLinks(bus.Control), Kind: 2,
		Self: func() State { self.mu.Lock(); defer self.mu.Unlock(); return self.state },
		Peers: func() []Peer {
			self.mu.Lock()
			defer self.mu.Unlock()
			if gone {
				return nil
			}
			return []Peer{{"b", other.addr}}
		},
		Changed: func() {
			select {
			case news <- struct{}{}:
			default:
			}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	defer func() { cancel(); <-done }()

	<-news
	eventually(t, "the state", func() bool { s, ok := p.Last("b"); return ok && s.State.Commit == 10 })
	if _, ok := p.Age(); ok {
		t.Error("the data has an age before the leader's commit is applied")
	}
	self.set(func() { self.state.Applied = 10 })
	if age, ok := p.Age(); !ok || age > 10*time.Second {
		t.Error(age, ok)
	}
	if name, addr, ok := p.Leader(2); !ok || name != "b" || addr != other.addr {
		t.Error(name, addr, ok)
	}
	if _, _, ok := p.Leader(3); ok {
		t.Error("a leader of the same term counts as a later one")
	}
	if d := p.Silent("b"); d != 0 {
		t.Error("silent for", d)
	}
	for range len(news) {
		<-news
	}
	other.set(func() { other.state.Term = 4 }) // it leads again, and nothing else changes
	select {
	case <-news:
	case <-time.After(15 * time.Second):
		t.Error("nobody was told that b leads in another term")
	}
	other.set(func() { other.mute = true })
	eventually(t, "its silence", func() bool { return p.Silent("b") > AliveFor })
	other.set(func() { other.mute = false })
	eventually(t, "its return", func() bool { return p.Silent("b") == 0 })
	if p.Cut("b") || p.Cut("nobody") {
		t.Error("cut off before anything broke")
	}
	other.bus.Shut() // as if its process had ended
	eventually(t, "the end of the connection", func() bool { return p.Cut("b") })
	self.set(func() { gone = true })
	eventually(t, "it to be forgotten", func() bool { _, ok := p.Last("b"); return !ok })
}
