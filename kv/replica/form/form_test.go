package form

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is nodes that look for a cluster, without a network between them.
type world struct {
	t     *testing.T
	mu    sync.Mutex
	nodes map[string]*member // by bus address
	delay func()             // of a question and of its answer; nil = none
}

// member is one of them, with its memory: a Node.
type member struct {
	w     *world
	id    Founder
	facts map[string][]byte
	f     *Former
	down  bool
	join  []string
	wg    sync.WaitGroup
}

func newWorld(t *testing.T) *world { return &world{t: t, nodes: map[string]*member{}} }

// add starts a node; a name may come with another instance later.
func (w *world) add(name, instance string, expect int, join ...string) *member {
	m := &member{w: w, id: Founder{Name: name, Instance: instance, Raft: name}, facts: map[string][]byte{}, join: join}
	m.restart(expect)
	w.mu.Lock()
	w.nodes[name] = m
	w.mu.Unlock()
	return m
}

func (m *member) restart(expect int) {
	f, err := New(Config{Self: m.id, Join: m.join, Expect: expect, Logger: slog.New(slog.DiscardHandler)}, m)
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.f = f
}

// at returns who is at a bus address now.
func (m *member) at(addr string) (id Founder, f *Former, err error) {
	m.w.wait()
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	n := m.w.nodes[addr]
	if n == nil || n.down || m.down {
		return Founder{}, nil, errors.New("nobody there")
	}
	return n.id, n.f, nil
}

func (m *member) Look(_ context.Context, addr string) ([]Peer, error) {
	id, f, err := m.at(addr)
	if err != nil {
		return nil, err
	}
	c := f.Cluster()
	return []Peer{{Founder: id, Cluster: c, Formed: c != ""}}, nil
}

func (m *member) Join(_ context.Context, _, addr string) error {
	_, _, err := m.at(addr)
	return err
}

func (m *member) Promise(ctx context.Context, to Founder, a Attempt) (bool, error) {
	_, f, err := m.at(to.Raft)
	if err != nil {
		return false, err
	}
	defer m.w.wait()
	return f.Promise(ctx, a)
}

func (w *world) wait() {
	if w.delay != nil {
		w.delay()
	}
}

func (m *member) Standing(ctx context.Context, to Founder, number uint64) (bool, error) {
	id, f, err := m.at(to.Raft)
	if err != nil || id.Instance != to.Instance {
		return true, errors.New("nobody knows")
	}
	defer m.w.wait()
	return f.Standing(ctx, number)
}

func (m *member) Fact(name string, v any) (bool, error) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	b, ok := m.facts[name]
	if !ok {
		return false, nil
	}
	return true, json.Unmarshal(b, v)
}

func (m *member) SetFact(name string, v any) error {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	b, err := json.Marshal(v)
	m.facts[name] = b
	return err
}

func (m *member) Spawn(f func()) bool { m.wg.Go(f); return true }

// run lets members look for at most a while and returns their clusters.
func run(t *testing.T, members ...*member) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() {
			if err := m.f.Run(ctx); err != nil {
				t.Errorf("%s: %v", m.id.Name, err)
			}
		})
	}
	wg.Wait()
	var list []string
	for _, m := range members {
		m.wg.Wait()
		list = append(list, m.f.Cluster())
	}
	return list
}

func TestNodesThatSeeOneAnotherFormOneCluster(t *testing.T) {
	w := newWorld(t)
	var all []*member
	for i := range 5 {
		all = append(all, w.add(fmt.Sprint("n", i), fmt.Sprint("i", i), 3, "n0", "n1", "n2", "n3", "n4"))
	}
	clusters := run(t, all...)
	founders := 0
	for i, c := range clusters {
		if c == "" || c != clusters[0] {
			t.Fatalf("clusters %q", clusters)
		}
		founders += len(all[i].f.Founders())
	}
	if founders != 3 {
		t.Fatalf("%d founders", founders)
	}
	all[1].restart(3) // remembers, and needs nobody
	all[0].down = true
	if got := run(t, all[1]); got[0] != clusters[0] {
		t.Fatalf("after a restart: %q", got)
	}
}

func TestAPromiseBindsUntilItsInitiatorGivesItUp(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	// b begins with c while a is away.
	a, b, c := w.add("a", "ia", 2, "b", "c"), w.add("b", "ib", 2, "a", "c"), w.add("c", "ic", 2, "a", "b")
	mine, err := b.f.begin([]Founder{b.id, c.id})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := c.f.Promise(ctx, *mine); !ok || err != nil {
		t.Fatal(ok, err)
	}
	// c does not give the same promise to a, also not after a restart, while b may
	// still form its cluster or cannot be asked.
	others, err := a.f.begin([]Founder{a.id, c.id})
	if err != nil {
		t.Fatal(err)
	}
	for _, down := range []bool{false, true} {
		b.down = down
		c.restart(2)
		if ok, _ := c.f.Promise(ctx, *others); ok {
			t.Fatal("promised twice")
		}
	}
	b.down = false
	// b gives its attempt up for a, whose name is lower; then c is free.
	theirs, err := a.f.begin([]Founder{a.id, b.id})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := b.f.Promise(ctx, *theirs); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := c.f.Promise(ctx, *theirs); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if stands, _ := b.f.Standing(ctx, mine.Number); stands {
		t.Fatal("an attempt came back")
	}
	if ok, _ := c.f.Promise(ctx, *others); ok {
		t.Fatal("an attempt out of date was promised")
	}
	// And b cannot form what it gave up.
	if _, err := b.f.begin([]Founder{b.id, c.id}); err == nil {
		t.Fatal("began again while bound")
	}
}

func TestANameInUseEndsTheSearch(t *testing.T) {
	w := newWorld(t)
	w.add("a", "i1", 2, "b")
	twin := &member{w: w, id: Founder{Name: "a", Instance: "i2", Raft: "x"}, facts: map[string][]byte{}, join: []string{"a"}}
	twin.restart(2)
	if err := twin.f.Run(context.Background()); !errors.Is(err, ErrNameTaken) {
		t.Fatalf("error %v", err)
	}
	twin.wg.Wait()
}
