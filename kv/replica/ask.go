package replica

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/form"
)

// askPeer asks the node at a bus address who it is.
func (r *Replica) askPeer(ctx context.Context, addr string) (Peer, error) {
	conn, err := r.control.Get(ctx, "", addr)
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

// formNode is the node as its former sees it: a form.Node.
type formNode struct{ *Replica }

// Look asks one join address. What counts is the answer on the bus, for it comes
// from a node that knows the secret.
func (n formNode) Look(ctx context.Context, addr string) ([]form.Peer, error) {
	hints := []Peer{{Bus: addr}}
	if n.cfg.Discover != nil {
		var err error
		if hints, err = n.cfg.Discover(ctx, addr); err != nil {
			return nil, fmt.Errorf("ask %s: %w", addr, err)
		}
	}
	var peers []form.Peer
	var errs []error
	for _, h := range hints {
		if h.Instance == n.instance {
			continue
		}
		p, err := n.askPeer(ctx, h.Bus)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		peers = append(peers, form.Peer{Founder: form.Founder{Name: p.Name, Instance: p.Instance, Raft: p.Bus}, Cluster: p.Cluster, Formed: p.Formed})
	}
	return peers, errors.Join(errs...)
}

// Join asks a cluster to let this node in.
func (n formNode) Join(ctx context.Context, cluster, addr string) error {
	return n.roster.AskToJoin(ctx, cluster, addr)
}

// Promise asks a founder for its promise.
func (n formNode) Promise(ctx context.Context, to form.Founder, a form.Attempt) (granted bool, err error) {
	err = n.ask(ctx, to.Raft, kindPromise, a, &granted)
	return granted, err
}

// Standing asks an initiator whether its attempt still stands.
func (n formNode) Standing(ctx context.Context, to form.Founder, number uint64) (stands bool, err error) {
	conn, err := n.control.Get(ctx, to.Name, to.Raft)
	if err != nil {
		return true, err
	}
	if conn.Peer.Instance != to.Instance {
		return true, bus.ErrRefused // another node is there now
	}
	stands = true
	err = n.ask(ctx, to.Raft, kindStanding, number, &stands)
	return stands, err
}

// Fact and SetFact keep what must not be forgotten.
func (n formNode) Fact(name string, v any) (bool, error) { return n.store.Fact(name, v) }

// SetFact stores v durably.
func (n formNode) SetFact(name string, v any) error { return n.store.SetFact(name, v) }

// Spawn runs f on a goroutine that Run waits for.
func (n formNode) Spawn(f func()) bool { return n.spawn(f) }
