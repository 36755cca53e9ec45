package replica

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/replica/form"
	"pingd/kv/replica/probe"
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

// addrOf returns where the bus of a server is.
func (r *Replica) addrOf(s raft.Server) string { return r.book.where(string(s.ID), string(s.Address)) }

// peers are all other members.
func (r *Replica) peers() []probe.Peer {
	var list []probe.Peer
	for _, s := range r.servers() {
		if string(s.ID) != r.cfg.Name {
			list = append(list, probe.Peer{Name: string(s.ID), Addr: r.addrOf(s)})
		}
	}
	return list
}

// searchAfter is how long a node is without a leader before it looks for the others
// at its join addresses.
const searchAfter = time.Second

// findOthers looks where the other members are now. A node whose data is that of a
// cluster of its own, and that was told to join another one, has to leave: it would
// serve other data than its user means.
func (r *Replica) findOthers(ctx context.Context) {
	if len(r.cfg.Join) == 0 {
		return
	}
	found, err := r.former.Look(ctx)
	if err != nil {
		r.log.Debug("join addresses do not answer", "err", err)
		return
	}
	home, foreign, own := r.former.Cluster(), "", false
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
	if servers := r.servers(); len(servers) == 1 && string(servers[0].ID) == r.cfg.Name {
		r.fail(fmt.Errorf("data directory %q belongs to a cluster of its own, %s: %w, %s\nhint: to join that one, give an empty --data directory; to keep this data, start without --join",
			r.cfg.Dir, home, ErrForeign, foreign))
		return
	}
	r.log.Warn("the join addresses lead to another cluster", "own", home, "other", foreign)
}

// noteMoved notes where a member is now, if that is not where it was.
func (r *Replica) noteMoved(p form.Peer) {
	s, ok := r.server(p.Name)
	if held, told := r.machine.Member(p.Name); !ok || told && held.Instance != p.Instance || p.Name == r.cfg.Name {
		return
	}
	if r.addrOf(s) == p.Raft {
		return
	}
	r.log.Info("member has moved", "member", p.Name, "from", string(s.Address), "to", p.Raft)
	r.book.set(p.Name, p.Raft)
}

// forgetMoved drops what Raft's configuration says by now, or what is no longer so:
// a node that has moved tells the leader.
func (r *Replica) forgetMoved() {
	for _, s := range r.servers() {
		id := string(s.ID)
		if r.book.has(id) && (r.addrOf(s) == string(s.Address) || r.prober.Silent(id) > 0) {
			r.book.set(id, "")
		}
	}
}
