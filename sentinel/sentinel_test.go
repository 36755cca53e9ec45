package sentinel

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	logging.Disable() // go-redis would write to standard error
	goleak.VerifyTestMain(m)
}

// fakeCluster is a Cluster whose View a test sets.
type fakeCluster struct {
	failover func(ctx context.Context) error

	mu      sync.Mutex
	view    View
	changed chan struct{}
}

func newFakeCluster(v View) *fakeCluster {
	return &fakeCluster{view: v, changed: make(chan struct{}, 1)}
}

func (f *fakeCluster) View() View {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view
}

func (f *fakeCluster) Changes(context.Context) <-chan struct{} { return f.changed }

func (f *fakeCluster) Failover(ctx context.Context) error {
	if f.failover == nil {
		return errors.New("no fail-over in this test")
	}
	return f.failover(ctx)
}

// set shows the server another view.
func (f *fakeCluster) set(v View) {
	f.mu.Lock()
	f.view = v
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// three is a healthy cluster of nodes a, b and c with a leading.
func three() View {
	return View{
		Term: 3, Leader: "a", Quorum: 2, Self: "a",
		Nodes: []Node{
			{Name: "a", Host: "10.0.0.1", RedisPort: 6379, SentinelPort: 26379, Alive: true, Voter: true, ReplOffset: 70},
			{Name: "b", Host: "10.0.0.2", RedisPort: 6379, SentinelPort: 26379, Alive: true, Voter: true, ReplOffset: 70, LastContact: 12 * time.Millisecond},
			{Name: "c", Host: "host-c", RedisPort: 6380, SentinelPort: 26380, Alive: true, Voter: true, ReplOffset: 69, LastContact: 15 * time.Millisecond},
		},
	}
}

// with returns v changed by f; the nodes are copied.
func with(v View, f func(*View)) View {
	v.Nodes = append([]Node(nil), v.Nodes...)
	f(&v)
	return v
}

func leads(v View, name string) View {
	return with(v, func(v *View) { v.Leader = name; v.Term++ })
}

// heard is v as c has it, which heard of node i that long ago.
func heard(v View, i int, contact time.Duration) View {
	return with(v, func(v *View) { v.Self, v.Nodes[i].LastContact = "c", contact })
}

func dies(v View, name string) View {
	return with(v, func(v *View) {
		for i := range v.Nodes {
			if v.Nodes[i].Name == name {
				v.Nodes[i].Alive = false
			}
		}
		if v.Leader == name {
			v.Leader = ""
		}
	})
}

// start runs a server on the cluster until the test ends.
func start(t *testing.T, cluster Cluster, mutate ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{Addr: "127.0.0.1:0", Cluster: cluster, Logger: nil}
	for _, m := range mutate {
		m(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not end")
		}
	})
	return s
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}
