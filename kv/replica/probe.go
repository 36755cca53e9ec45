package replica

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"pingd/kv/replica/bus"
)

const (
	probeEvery = 250 * time.Millisecond
	aliveFor   = time.Second
	// deafFor is how long a connection may stay silent before it is replaced: its
	// other end may be gone without a word.
	deafFor = 2 * time.Second
)

// nodeState is how far a node is.
type nodeState struct {
	term, last, commit, applied uint64
}

// state returns this node's.
func (r *Replica) state() nodeState {
	node := r.raftNode()
	if node == nil {
		return nodeState{}
	}
	s := nodeState{term: node.CurrentTerm(), last: node.LastIndex(), commit: node.CommitIndex()}
	s.applied, _ = r.machine.Applied()
	return s
}

func (s nodeState) append(dst []byte) []byte {
	for _, v := range []uint64{s.term, s.last, s.commit, s.applied} {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

func parseState(b []byte) (s nodeState, ok bool) {
	for _, v := range []*uint64{&s.term, &s.last, &s.commit, &s.applied} {
		n := 0
		if *v, n = binary.Uvarint(b); n <= 0 {
			return nodeState{}, false
		}
		b = b[n:]
	}
	return s, true
}

// sighting is a node's last answer.
type sighting struct {
	at    time.Time
	state nodeState
}

// prober asks all other members how far they are, a few times a second.
type prober struct {
	r *Replica

	mu   sync.Mutex
	seen map[string]sighting
}

func newProber(r *Replica) *prober { return &prober{r: r, seen: map[string]sighting{}} }

func (p *prober) last(name string) (sighting, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.seen[name]
	return s, ok
}

func (p *prober) saw(name string, s nodeState) {
	p.mu.Lock()
	before, ok := p.seen[name]
	p.seen[name] = sighting{time.Now(), s}
	p.mu.Unlock()
	if !ok || time.Since(before.at) > aliveFor {
		p.r.hub.notify()
	}
}

// run probes until ctx ends.
func (p *prober) run(ctx context.Context) {
	t := time.NewTicker(probeEvery)
	defer t.Stop()
	silent := map[string]time.Time{} // by address: since when nothing came back
	for {
		select {
		case <-t.C:
			p.round(ctx, silent)
		case <-ctx.Done():
			return
		}
	}
}

func (p *prober) round(ctx context.Context, silent map[string]time.Time) {
	for _, s := range p.r.servers() {
		name, addr := string(s.ID), string(s.Address)
		if name == p.r.cfg.Name {
			continue
		}
		if was, ok := p.last(name); ok && time.Since(was.at) > aliveFor && time.Since(was.at) < aliveFor+probeEvery {
			p.r.hub.notify() // it has just become silent
		}
		conn := p.r.control.Have(ctx, addr)
		if conn == nil {
			delete(silent, addr)
			continue
		}
		since, waiting := silent[addr]
		if was, ok := p.last(name); !waiting || ok && was.at.After(since) {
			silent[addr] = time.Now()
		} else if time.Since(since) > deafFor {
			delete(silent, addr)
			p.r.control.Drop(addr)
			continue
		}
		_ = conn.Start(kindState, nil, func(status byte, b []byte, err error) {
			if st, ok := parseState(b); ok && err == nil && status == bus.StatusOK {
				p.saw(name, st)
			}
		})
	}
}
