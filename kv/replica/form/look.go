package form

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Look asks all join addresses. It returns the other nodes by name, and an error only if none answered.
func (f *Former) Look(ctx context.Context) ([]Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, formWait)
	defer cancel()
	type found struct {
		peers []Peer
		err   error
	}
	results := make(chan found, len(f.cfg.Join))
	for _, addr := range f.cfg.Join {
		if !f.node.Spawn(func() {
			peers, err := f.node.Look(ctx, addr)
			results <- found{peers, err}
		}) {
			return nil, errStopping
		}
	}
	seen := map[string]Peer{}
	var errs []error
	for range f.cfg.Join {
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

// advance does the next step with the nodes seen; true when the node belongs to
// a cluster.
func (f *Former) advance(ctx context.Context, seen []Peer) (bool, error) {
	cluster, via := "", Peer{}
	var fresh []Founder
	for _, p := range seen {
		if p.Name == f.self.Name {
			return false, fmt.Errorf("%w: %s at %s", ErrNameTaken, p.Name, p.Raft)
		}
		switch {
		case !p.Formed:
			fresh = append(fresh, p.Founder)
		case cluster == "" || cluster == p.Cluster:
			cluster, via = p.Cluster, p
		default:
			return false, fmt.Errorf("join addresses belong to two clusters, %s and %s\nhint: name nodes of one cluster in --join", cluster, p.Cluster)
		}
	}
	if cluster != "" {
		return f.enter(ctx, cluster, via)
	}
	if f.cfg.Expect == 0 {
		return false, errors.New("no node at the join addresses belongs to a cluster yet\nhint: start one node without --join, or give all of them --expect")
	}
	return f.found(ctx, fresh)
}

// enter makes the node a member of a cluster that exists.
func (f *Former) enter(ctx context.Context, cluster string, via Peer) (bool, error) {
	f.mu.Lock()
	p := f.promised
	if p != nil && p.Cluster == cluster && slices.ContainsFunc(p.Founders, func(x Founder) bool { return x.Instance == f.self.Instance }) {
		// The attempt that this node is a founder of came about.
		defer f.mu.Unlock()
		return true, f.settle(clusterFact{ID: cluster})
	}
	f.mu.Unlock()
	if err := f.node.Join(ctx, cluster, via.Raft); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg.Logger.Info("joined cluster", "cluster", cluster, "via", via.Name)
	return true, f.settle(clusterFact{ID: cluster})
}

// found forms a cluster with the lowest names, if this node's is the lowest.
func (f *Former) found(ctx context.Context, fresh []Founder) (bool, error) {
	all := append([]Founder{f.self}, fresh...)
	slices.SortFunc(all, func(a, b Founder) int { return cmp.Compare(a.Name, b.Name) })
	n := f.cfg.Expect
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
		granted, err := f.node.Promise(ask, peer, *a)
		cancel()
		if err != nil {
			return false, fmt.Errorf("ask %s for its promise: %w", peer.Name, err)
		}
		if !granted {
			return false, fmt.Errorf("node %[1]s has promised to form a cluster with a node that does not answer\n"+
				"hint: start every node; if one has lost its disk meanwhile, empty the data directory of %[1]s, which holds no data yet", peer.Name)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.promised == nil || !f.promised.is(a) {
		return false, errors.New("this node gave its own attempt up")
	}
	f.cfg.Logger.Info("formed cluster", "cluster", a.Cluster, "nodes", len(a.Founders))
	return true, f.settle(clusterFact{ID: a.Cluster, Founders: a.Founders})
}
