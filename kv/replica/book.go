package replica

import (
	"maps"
	"sync/atomic"

	"github.com/hashicorp/raft"

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
	return addr
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
