package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
)

// ErrForgotten is the outcome of a group that was applied before and whose
// replies were too long, or are too old, to be kept.
var ErrForgotten = errors.New("group was applied before and its replies are gone")

// ErrLoop says that the leader sends the same snapshot again and again: what this
// process believes to be in its log keeps it from following (hashicorp/raft#697). A
// restart, which reads the log anew, cures it.
var ErrLoop = errors.New("the same snapshot came again and again, and no entry after it")

// maxAgain is how often one snapshot may come.
const maxAgain = 3

// Member is what the log knows of a node.
type Member struct {
	Name     string `json:"name"`
	Instance string `json:"instance"` // of its data directory
	Raft     string `json:"raft"`     // addresses, host:port as advertised
	Redis    string `json:"redis,omitempty"`
	Sentinel string `json:"sentinel,omitempty"`
	Admin    string `json:"admin,omitempty"`
	// Level is what the node's program knows of commands (see engine.Level); 0 is 1.
	Level uint8 `json:"level,omitempty"`
}

// Outcome is what became of one group of a batch. Replies are never written to
// again, so they may be read from any goroutine.
type Outcome struct {
	Replies *engine.Replies
	Err     error // ErrForgotten
}

// Config is what a Machine is made of.
type Config struct {
	Engine *engine.Engine
	Logger *slog.Logger

	// Name and Incarnation are this node's, as in the origin of its own groups.
	Name        string
	Incarnation uint64

	// Changed is called after the members or Raft's configuration changed. It
	// must not block.
	Changed func()

	// Failed is called once when an entry cannot be applied: this node's program
	// is older than what wrote it, or its disk lies. Nothing is applied after it.
	Failed func(error)
}

// StateMachine is a Machine as Raft sees it.
type StateMachine interface {
	raft.FSM
	raft.ConfigurationStore
	Applied() (index, term uint64)
}

// Machine is a StateMachine.
type Machine struct {
	cfg      Config
	progress progress

	// Raft's goroutine alone:
	dec      entry.Decoder
	sessions sessions
	left     map[string]int64 // removed nodes whose sessions are kept, and when, in log time
	broken   bool
	restored uint64 // index of the snapshot restored last; 0 after an entry was applied
	again    int    // how often the same one was restored in a row

	mu      sync.Mutex
	members map[string]Member

	level atomic.Uint32 // highest of the entries applied
}

// New returns an empty machine over cfg.Engine.
func New(cfg Config) *Machine {
	return &Machine{cfg: cfg, sessions: sessions{}, left: map[string]int64{}, members: map[string]Member{}}
}

// Apply applies one entry. For a batch it returns []Outcome, one for each group.
func (m *Machine) Apply(l *raft.Log) any {
	if m.broken {
		return nil
	}
	m.restored, m.again = 0, 0
	e, err := m.dec.Entry(l.Data)
	if err != nil {
		m.broken = true
		m.cfg.Failed(fmt.Errorf("apply log entry %d: %w\nhint: run the newest version of pingd on every node", l.Index, err))
		return nil
	}
	m.raise(e.Version)
	var out []Outcome
	switch e.Kind {
	case entry.KindBatch:
		out = m.batch(&e)
	case entry.KindMember:
		m.cfg.Engine.Apply(e.Stamp, nil, &engine.Replies{})
		m.setMember(e.Payload)
	case entry.KindForget:
		m.cfg.Engine.Apply(e.Stamp, nil, &engine.Replies{})
		m.forget(string(e.Payload), m.cfg.Engine.Now())
	}
	m.progress.advance(l.Index, l.Term)
	return out
}

// raise notes that an entry of a level was applied.
func (m *Machine) raise(level uint8) {
	if uint32(level) > m.level.Load() {
		m.level.Store(uint32(level)) // Apply and Restore alone write it
	}
}

// Level returns the highest level of the entries applied: whoever does not know it
// cannot follow this log.
func (m *Machine) Level() uint8 { return uint8(max(1, m.level.Load())) }

func (m *Machine) batch(e *entry.Entry) []Outcome {
	if len(e.Groups) == 0 {
		m.cfg.Engine.Apply(e.Stamp, nil, &engine.Replies{})
		return nil
	}
	out := make([]Outcome, len(e.Groups))
	for i := range e.Groups {
		g := &e.Groups[i]
		s := m.sessions.of(g.Origin)
		if done, known := s.seen(g.Origin.Number); known {
			out[i] = done
			continue
		}
		r := &engine.Replies{Ends: make([]int, 0, len(g.Cmds)), Buf: make([]byte, 0, 16*len(g.Cmds))}
		// Two groups of one entry must not draw the same random numbers.
		m.disown(g)
		stamp := e.Stamp
		stamp.Seed += uint64(i) * 0x9e3779b97f4a7c15
		m.cfg.Engine.Apply(stamp, g.Cmds, r)
		out[i] = Outcome{Replies: r}
		s.keep(g.Origin, r)
	}
	return out
}

// disown forgets which client sent a command unless this run of this node's process
// is its origin: the numbers of clients mean nothing elsewhere.
func (m *Machine) disown(g *entry.Group) {
	if g.Origin.Node == m.cfg.Name && g.Origin.Incarnation == m.cfg.Incarnation {
		return
	}
	for i := range g.Cmds {
		g.Cmds[i].Client = 0
	}
}

func (m *Machine) setMember(payload []byte) {
	var n Member
	if err := json.Unmarshal(payload, &n); err != nil || n.Name == "" {
		m.cfg.Logger.Error("member entry is malformed", "err", err)
		return
	}
	m.mu.Lock()
	m.members[n.Name] = n
	m.mu.Unlock()
	delete(m.left, n.Name)
	m.cfg.Changed()
}

func (m *Machine) forget(name string, now int64) {
	m.mu.Lock()
	delete(m.members, name)
	m.mu.Unlock()
	m.left[name] = now
	for n, at := range m.left {
		if now-at > keptFor.Milliseconds() {
			delete(m.left, n)
			delete(m.sessions, n)
		}
	}
	m.cfg.Changed()
}

// keptFor is how long, in log time, what a node sent is remembered after it was
// removed: a group of its own may still be on its way, for the second time.
const keptFor = time.Hour

// KeepOnly forgets every member but one, before the machine runs: for a node that
// goes on without the others.
func (m *Machine) KeepOnly(name string) {
	for _, n := range m.Members() {
		if n.Name != name {
			m.forget(n.Name, m.cfg.Engine.Now())
		}
	}
	maps.DeleteFunc(m.sessions, func(node string, _ []*run) bool { return node != name })
}

// StoreConfiguration hears of each committed change of Raft's configuration. The
// configuration itself is Raft's to keep.
func (m *Machine) StoreConfiguration(index uint64, _ raft.Configuration) {
	m.progress.advance(index, 0)
	m.cfg.Changed()
}

// Members returns the members, by name.
func (m *Machine) Members() []Member {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Collect(maps.Values(m.members))
	slices.SortFunc(list, func(a, b Member) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}

// Member returns the member of that name.
func (m *Machine) Member(name string) (Member, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.members[name]
	return n, ok
}
