package roster

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"

	"pingd/kv/replica/form"
)

// book knows where members are that are not where Raft's configuration has them: a
// cluster whose nodes have all moved has no leader to tell of it, and elects none
// before they find one another.
type book struct {
	moved atomic.Pointer[map[string]string]
}

// where returns the address of the node that Raft believes to be at addr.
func (b *book) where(id, addr string) string {
	if m := b.moved.Load(); m != nil {
		if to, ok := (*m)[id]; ok {
			return to
		}
	}
	if addr == parked(id) {
		return ""
	}
	return addr
}

// parked is the address of a node in Raft's configuration whose old address another
// one has now. Nobody can be dialled there.
func parked(id string) string { return "moved:" + id }

// has reports whether id is in the book.
func (b *book) has(id string) bool {
	m := b.moved.Load()
	if m == nil {
		return false
	}
	_, ok := (*m)[id]
	return ok
}

// set notes where a node is now; an empty address forgets it. It is for one
// goroutine at a time.
func (b *book) set(id, addr string) {
	m := map[string]string{}
	if old := b.moved.Load(); old != nil {
		maps.Copy(m, *old)
	}
	if addr == "" {
		delete(m, id)
	} else {
		m[id] = addr
	}
	if len(m) == 0 {
		b.moved.Store(nil)
		return
	}
	b.moved.Store(&m)
}

// findOthers looks where the other members are now. A node whose data is that of a
// cluster of its own, and that was told to join another one, has to leave: it would
// serve other data than its user means.
func (r *Roster) findOthers(ctx context.Context) {
	if len(r.cfg.Join) == 0 {
		return
	}
	found, err := r.node.Look(ctx)
	if err != nil {
		r.cfg.Logger.Debug("join addresses do not answer", "err", err)
		return
	}
	home, foreign, own := r.node.Cluster(), "", false
	for _, p := range found {
		if p.Cluster == home {
			own = true
			r.noteMoved(p)
		} else if p.Formed {
			foreign = p.Cluster
		}
	}
	if foreign == "" || own {
		return
	}
	if servers := r.Servers(); len(servers) == 1 && string(servers[0].ID) == r.cfg.Self.Name {
		r.node.Fail(fmt.Errorf("data directory %q belongs to a cluster of its own, %s: %w, %s\nhint: to join that one, give an empty --data directory; to keep this data, start without --join",
			r.cfg.Dir, home, ErrForeign, foreign))
		return
	}
	r.cfg.Logger.Warn("the join addresses lead to another cluster", "own", home, "other", foreign)
}

// noteMoved notes where a member is now, if that is not where it was.
func (r *Roster) noteMoved(p form.Peer) {
	s, ok := r.Server(p.Name)
	if held, told := r.node.Member(p.Name); !ok || told && held.Instance != p.Instance || p.Name == r.cfg.Self.Name {
		return
	}
	if r.Addr(s) == p.Raft {
		return
	}
	r.cfg.Logger.Info("member has moved", "member", p.Name, "from", string(s.Address), "to", p.Raft)
	r.book.set(p.Name, p.Raft)
}

// forgetMoved drops what Raft's configuration says by now, or what is no longer so:
// a node that has moved tells the leader.
func (r *Roster) forgetMoved() {
	for _, s := range r.Servers() {
		id := string(s.ID)
		if r.book.has(id) && (r.Addr(s) == string(s.Address) || r.node.Silent(id) > 0) {
			r.book.set(id, "")
		}
	}
}
