package probe

import (
	"context"
	"maps"
	"sync"
	"time"

	"pingd/kv/replica/bus"
)

const (
	// Every is the time between two questions to a node.
	Every = 250 * time.Millisecond
	// AliveFor is how long an answer shows that a node is alive.
	AliveFor = time.Second
	// deafFor is how long a connection may stay silent before it is replaced: its
	// other end may be gone without a word.
	deafFor = 2 * time.Second
)

// Peer is another member.
type Peer struct{ Name, Addr string }

// Sighting is a node's last answer.
type Sighting struct {
	At    time.Time
	State State
}

// Config is what a Prober needs of its node. All is required.
type Config struct {
	Links   *bus.Links
	Kind    byte // of the request that is answered with a State
	Peers   func() []Peer
	Self    func() State
	Changed func() // somebody fell silent, came back or says that it leads now; it must not block
}

// Prober asks. It is safe for concurrent use.
type Prober struct {
	cfg Config

	mu    sync.Mutex
	seen  map[string]Sighting
	since map[string]time.Time   // when a silence began that is not over
	conns map[string]*bus.Client // over which the last question went
	age   age
}

// New returns a Prober; Run makes it ask.
func New(cfg Config) *Prober {
	return &Prober{cfg: cfg, seen: map[string]Sighting{}, since: map[string]time.Time{}, conns: map[string]*bus.Client{}}
}

// Last returns the last answer of a node.
func (p *Prober) Last(name string) (Sighting, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.seen[name]
	return s, ok
}

// Cut reports whether the connection to a node has ended and none has replaced it:
// a process that was killed is known by that at once.
func (p *Prober) Cut(name string) bool {
	p.mu.Lock()
	conn := p.conns[name]
	p.mu.Unlock()
	if conn == nil {
		return false
	}
	select {
	case <-conn.Done():
		return true
	default:
		return false
	}
}

// Silent returns for how long a node that is a member has not answered, as far as
// this node has asked it; zero if it has within AliveFor.
func (p *Prober) Silent(name string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	since, ok := p.since[name]
	if !ok {
		return 0
	}
	if d := time.Since(since); d > AliveFor {
		return d
	}
	return 0
}

// Leader returns the leader that others follow in a term after the given one.
func (p *Prober) Leader(after uint64) (name, addr string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.seen {
		if st := s.State; st.Term > after && st.Addr != "" && time.Since(s.At) < AliveFor {
			after, name, addr, ok = st.Term, st.Leader, st.Addr, true
		}
	}
	return name, addr, ok
}

// saw takes in an answer to a question that was asked at a time.
func (p *Prober) saw(name string, s State, asked time.Time) {
	self := p.cfg.Self()
	now := time.Now()
	p.mu.Lock()
	before, ok := p.seen[name]
	p.seen[name] = Sighting{now, s}
	delete(p.since, name)
	if s.Leads && s.Term == self.Term && self.Leader == name {
		p.age.told(s.Commit, asked, self.Applied)
	}
	p.mu.Unlock()
	leads := s.Leads && (!before.State.Leads || before.State.Term != s.Term)
	if !ok || now.Sub(before.At) > AliveFor || before.State.Low != s.Low || leads {
		p.cfg.Changed()
	}
}

// Run asks until ctx ends.
func (p *Prober) Run(ctx context.Context) {
	t := time.NewTicker(Every)
	defer t.Stop()
	waiting := map[string]time.Time{} // by address: since when nothing came back
	for {
		select {
		case <-t.C:
			p.round(ctx, waiting)
		case <-ctx.Done():
			return
		}
	}
}

func (p *Prober) round(ctx context.Context, waiting map[string]time.Time) {
	peers := p.cfg.Peers()
	p.note(peers)
	for _, peer := range peers {
		name, addr := peer.Name, peer.Addr
		was, ok := p.Last(name)
		if ok && time.Since(was.At) > AliveFor && time.Since(was.At) < AliveFor+2*Every {
			p.cfg.Changed() // it has just become silent
		}
		conn := p.cfg.Links.Have(ctx, name, addr)
		if conn == nil {
			delete(waiting, addr)
			continue
		}
		p.mu.Lock()
		p.conns[name] = conn
		p.mu.Unlock()
		since, asked := waiting[addr]
		if !asked || ok && was.At.After(since) {
			waiting[addr] = time.Now()
		} else if time.Since(since) > deafFor {
			delete(waiting, addr)
			p.cfg.Links.Drop(name, addr)
			continue
		}
		at := time.Now()
		_ = conn.Start(p.cfg.Kind, nil, func(status byte, b []byte, err error) {
			if st, ok := Parse(b); ok && err == nil && status == bus.StatusOK {
				p.saw(name, st, at)
			}
		})
	}
}

// note begins to count the silence of those who have just been asked, and forgets
// who is no member any more.
func (p *Prober) note(peers []Peer) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	members := map[string]bool{}
	for _, peer := range peers {
		members[peer.Name] = true
		if _, silent := p.since[peer.Name]; !silent {
			p.since[peer.Name] = now
		}
	}
	maps.DeleteFunc(p.since, func(name string, _ time.Time) bool { return !members[name] })
	maps.DeleteFunc(p.conns, func(name string, _ *bus.Client) bool { return !members[name] })
	maps.DeleteFunc(p.seen, func(name string, _ Sighting) bool { return !members[name] })
}
