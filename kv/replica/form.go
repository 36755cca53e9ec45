package replica

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"pingd/kv/replica/machine"
)

const (
	formInterval = 100 * time.Millisecond // between looks at the other nodes
	formWait     = 2 * time.Second        // for one of them to answer
	formLog      = 3 * time.Second        // between lines that say what is missing
)

// founder is a node of the list that a cluster is formed with.
type founder struct {
	Name     string `json:"name"`
	Instance string `json:"instance"`
	Raft     string `json:"raft"`
}

// attempt is a try of one node, the initiator, to form a cluster with a list of
// founders. A founder promises it to the initiator durably, and holds one
// promise at a time. The initiator forms the cluster when all have promised and
// its attempt still stands. A promise is given up only for a later attempt of
// the same initiator, or when the initiator itself says that the attempt no
// longer stands, which it never takes back. So of two lists that share a node,
// at most one is ever formed.
type attempt struct {
	Initiator founder   `json:"initiator"`
	Number    uint64    `json:"number"` // counted up by the initiator for ever
	Cluster   string    `json:"cluster"`
	Founders  []founder `json:"founders"`
}

func (a *attempt) is(b *attempt) bool {
	return a.Initiator.Instance == b.Initiator.Instance && a.Number == b.Number
}

// clusterFact is the durable mark of belonging to a cluster.
type clusterFact struct {
	ID       string    `json:"id"`
	Founders []founder `json:"founders,omitempty"` // of the node that formed it
}

// former finds the node's cluster.
type former struct {
	r    *Replica
	self founder

	mu       sync.Mutex
	fact     clusterFact // ID is empty while the node has no cluster
	promised *attempt
	attempts uint64 // number of the node's own last attempt
}

// newFormer reads what the node remembers.
func newFormer(r *Replica) (*former, error) {
	f := &former{r: r, self: founder{Name: r.cfg.Name, Instance: r.instance, Raft: r.cfg.Self.Raft}}
	_, err1 := r.store.Fact("cluster", &f.fact)
	_, err2 := r.store.Fact("promise", &f.promised)
	_, err3 := r.store.Fact("attempts", &f.attempts)
	return f, errors.Join(err1, err2, err3)
}

func (f *former) cluster() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fact.ID
}

func (f *former) founders() []founder {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fact.Founders
}

// settle makes fact durable: from now on the node belongs to that cluster.
func (f *former) settle(fact clusterFact) error {
	if err := f.r.store.SetFact("cluster", fact); err != nil {
		return err
	}
	f.fact = fact
	return nil
}

// run returns once the node belongs to a cluster.
func (f *former) run(ctx context.Context) error {
	if f.cluster() != "" {
		return nil
	}
	if len(f.r.cfg.Join) == 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.r.log.Info("starting a cluster of its own")
		return f.settle(clusterFact{ID: newClusterID(), Founders: []founder{f.self}})
	}
	told := time.Now().Add(-formLog / 2) // a normal start says nothing
	for {
		seen, err := f.look(ctx)
		var done bool
		if err == nil {
			done, err = f.advance(ctx, seen)
		}
		if done || fatal(err) {
			return err
		}
		if time.Since(told) > formLog {
			told = time.Now()
			f.tell(seen, err)
		}
		waitFor(ctx, formInterval)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// fatal errors end Run: waiting would not cure them.
func fatal(err error) bool { return errors.Is(err, ErrNameTaken) }

// tell says what the node is waiting for.
func (f *former) tell(seen []Peer, err error) {
	names := []string{f.self.Name}
	for _, p := range seen {
		names = append(names, p.Name)
	}
	msg := "looking for a cluster to join"
	if f.r.cfg.Expect > 0 {
		msg = "waiting for the expected number of nodes"
	}
	f.r.log.Warn(msg, "join", f.r.cfg.Join, "expect", f.r.cfg.Expect, "seen", names, "err", err)
}

// look asks all join addresses, and the bus of every node found there. It
// returns the other nodes by name, and an error only if none answered.
func (f *former) look(ctx context.Context) ([]Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, formWait)
	defer cancel()
	type found struct {
		peers []Peer
		err   error
	}
	results := make(chan found, len(f.r.cfg.Join))
	for _, addr := range f.r.cfg.Join {
		if !f.r.spawn(func() {
			peers, err := f.lookAt(ctx, addr)
			results <- found{peers, err}
		}) {
			return nil, ErrClosed
		}
	}
	seen := map[string]Peer{}
	var errs []error
	for range f.r.cfg.Join {
		got := <-results
		errs = append(errs, got.err)
		for _, p := range got.peers {
			if p.Instance != f.self.Instance {
				seen[p.Instance] = p
			}
		}
	}
	list := make([]Peer, 0, len(seen))
	for _, p := range seen {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Peer) int { return cmp.Compare(a.Name, b.Name) })
	if len(list) > 0 {
		return list, nil
	}
	return nil, errors.Join(errs...)
}

// lookAt asks one join address. What counts is the answer on the bus, for it
// comes from a node that knows the secret.
func (f *former) lookAt(ctx context.Context, addr string) ([]Peer, error) {
	hints := []Peer{{Bus: addr}}
	if f.r.cfg.Discover != nil {
		var err error
		if hints, err = f.r.cfg.Discover(ctx, addr); err != nil {
			return nil, fmt.Errorf("ask %s: %w", addr, err)
		}
	}
	var peers []Peer
	var errs []error
	for _, h := range hints {
		if h.Instance == f.self.Instance {
			continue
		}
		p, err := f.r.askPeer(ctx, h.Bus)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		peers = append(peers, p)
	}
	return peers, errors.Join(errs...)
}

// askPeer asks the node at a bus address who it is.
func (r *Replica) askPeer(ctx context.Context, addr string) (Peer, error) {
	conn, err := r.control.Get(ctx, addr)
	if err != nil {
		return Peer{}, err
	}
	b, err := conn.Call(ctx, kindPeer, nil)
	if err != nil {
		return Peer{}, fmt.Errorf("ask %s: %w", addr, err)
	}
	var p Peer
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("read answer of %s: %w", addr, err)
	}
	p.Name, p.Instance, p.Cluster = conn.Peer.Name, conn.Peer.Instance, cmp.Or(p.Cluster, conn.Peer.Cluster)
	if addr != p.Bus && p.Bus == "" {
		p.Bus = addr
	}
	return p, nil
}

// advance does the next step with the nodes seen; true when the node belongs to
// a cluster.
func (f *former) advance(ctx context.Context, seen []Peer) (bool, error) {
	cluster, via := "", Peer{}
	var fresh []founder
	for _, p := range seen {
		if p.Name == f.self.Name {
			return false, fmt.Errorf("%w: %s at %s", ErrNameTaken, p.Name, p.Bus)
		}
		switch {
		case !p.Formed:
			fresh = append(fresh, founder{Name: p.Name, Instance: p.Instance, Raft: p.Bus})
		case cluster == "" || cluster == p.Cluster:
			cluster, via = p.Cluster, p
		default:
			return false, fmt.Errorf("join addresses belong to two clusters, %s and %s\nhint: name nodes of one cluster in --join", cluster, p.Cluster)
		}
	}
	if cluster != "" {
		return f.enter(ctx, cluster, via)
	}
	if f.r.cfg.Expect == 0 {
		return false, errors.New("no node at the join addresses belongs to a cluster yet\nhint: start one node without --join, or give all of them --expect")
	}
	return f.found(ctx, fresh)
}

// enter makes the node a member of a cluster that exists.
func (f *former) enter(ctx context.Context, cluster string, via Peer) (bool, error) {
	f.mu.Lock()
	p := f.promised
	if p != nil && p.Cluster == cluster && slices.ContainsFunc(p.Founders, func(x founder) bool { return x.Instance == f.self.Instance }) {
		// The attempt that this node is a founder of came about.
		defer f.mu.Unlock()
		return true, f.settle(clusterFact{ID: cluster})
	}
	f.mu.Unlock()
	if err := f.r.askToJoin(ctx, cluster, via); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.r.log.Info("joined cluster", "cluster", cluster, "via", via.Name)
	return true, f.settle(clusterFact{ID: cluster})
}

// found forms a cluster with the lowest names, if this node's is the lowest.
func (f *former) found(ctx context.Context, fresh []founder) (bool, error) {
	all := append([]founder{f.self}, fresh...)
	slices.SortFunc(all, func(a, b founder) int { return cmp.Compare(a.Name, b.Name) })
	n := f.r.cfg.Expect
	if len(all) < n {
		return false, fmt.Errorf("%d of %d expected nodes are here", len(all), n)
	}
	if all[0].Name != f.self.Name {
		return false, fmt.Errorf("waiting for node %s to form the cluster", all[0].Name)
	}
	a, err := f.begin(all[:n])
	if err != nil {
		return false, err
	}
	for _, peer := range a.Founders {
		if peer.Instance == f.self.Instance {
			continue
		}
		ask, cancel := context.WithTimeout(ctx, formWait)
		var granted bool
		err := f.r.ask(ask, peer.Raft, kindPromise, a, &granted)
		cancel()
		if err != nil {
			return false, fmt.Errorf("ask %s for its promise: %w", peer.Name, err)
		}
		if !granted {
			return false, fmt.Errorf("node %s has promised to form another cluster", peer.Name)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.promised == nil || !f.promised.is(a) {
		return false, errors.New("this node gave its own attempt up")
	}
	f.r.log.Info("formed cluster", "cluster", a.Cluster, "nodes", len(a.Founders))
	return true, f.settle(clusterFact{ID: a.Cluster, Founders: a.Founders})
}

// begin returns the node's attempt with these founders: the one it has already
// made, or a new one.
func (f *former) begin(list []founder) (*attempt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.promised; p != nil {
		ours := p.Initiator.Instance == f.self.Instance
		if ours && slices.Equal(p.Founders, list) {
			return p, nil
		}
		if !ours {
			return nil, fmt.Errorf("this node has promised to form a cluster with node %s", p.Initiator.Name)
		}
	}
	f.attempts++
	if err := f.r.store.SetFact("attempts", f.attempts); err != nil {
		return nil, err
	}
	a := &attempt{Initiator: f.self, Number: f.attempts, Cluster: newClusterID(), Founders: list}
	return a, f.hold(a)
}

func (f *former) hold(a *attempt) error {
	if err := f.r.store.SetFact("promise", a); err != nil {
		return err
	}
	f.promised = a
	return nil
}

// promise answers an initiator's request: true when the node now holds this
// promise.
func (f *former) promise(ctx context.Context, a attempt) (bool, error) {
	granted, holder, err := f.grant(&a)
	if granted || err != nil || holder == nil {
		return granted, err
	}
	// Somebody else has the promise. Ask whether it is still wanted.
	ask, cancel := context.WithTimeout(ctx, formWait)
	defer cancel()
	conn, err := f.r.control.Get(ask, holder.Initiator.Raft)
	if err != nil || conn.Peer.Instance != holder.Initiator.Instance {
		return false, err
	}
	stands := true
	if err := f.r.ask(ask, holder.Initiator.Raft, kindStanding, holder.Number, &stands); err != nil || stands {
		return false, err
	}
	f.mu.Lock()
	if f.promised != nil && f.promised.is(holder) {
		err = f.hold(nil)
	}
	f.mu.Unlock()
	if err != nil {
		return false, err
	}
	granted, _, err = f.grant(&a)
	return granted, err
}

// grant gives the promise if it is free, or returns who has it.
func (f *former) grant(a *attempt) (bool, *attempt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fact.ID != "" {
		return false, nil, errors.New("node already belongs to a cluster")
	}
	p := f.promised
	switch {
	case p == nil, p.is(a):
	case p.Initiator.Instance == a.Initiator.Instance:
		if p.Number > a.Number {
			return false, nil, errors.New("attempt is out of date")
		}
	case p.Initiator.Instance == f.self.Instance && a.Initiator.Name < f.self.Name:
		// A node with a lower name has come: this one's own attempt no longer stands.
	default:
		return false, p, nil
	}
	return true, nil, f.hold(a)
}

// standing tells a node whether this node's attempt of that number still stands.
func (f *former) standing(_ context.Context, number uint64) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fact.ID != "" {
		return true, nil
	}
	p := f.promised
	return p != nil && p.Initiator.Instance == f.self.Instance && p.Number == number, nil
}

func newClusterID() string { return rand.Text() }

// members of a cluster just formed, as far as the one that formed it knows.
func (f *former) firstMembers() []machine.Member {
	var list []machine.Member
	for _, x := range f.founders() {
		list = append(list, machine.Member{Name: x.Name, Instance: x.Instance, Raft: x.Raft})
	}
	return list
}
