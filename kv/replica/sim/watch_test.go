package sim

import (
	"io"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"

	"pingd/kv/replica/entry"
	"pingd/kv/replica/machine"
)

// watcher sees every entry that any node applies: at one index, all nodes apply
// the same entry, and after it they hold the same data.
type watcher struct {
	w *world

	mu      sync.Mutex
	applied map[uint64]record
	digests map[uint64]uint64 // of the data, after some of the entries
	stamps  map[uint64]int64
	last    uint64
}

type record struct {
	term, sum uint64
	by        string
}

// digestEvery is how many entries lie between comparisons of all data.
const digestEvery = 32

func newWatcher(w *world) *watcher {
	return &watcher{w: w, applied: map[uint64]record{}, digests: map[uint64]uint64{}, stamps: map[uint64]int64{}}
}

func (v *watcher) observe(p *process) func(machine.StateMachine) machine.StateMachine {
	return func(m machine.StateMachine) machine.StateMachine { return &observed{StateMachine: m, v: v, p: p} }
}

// observed is a node's state machine, looked on.
type observed struct {
	machine.StateMachine
	v   *watcher
	p   *process
	dec entry.Decoder
}

func (o *observed) Apply(l *raft.Log) any {
	if o.p.isGone() {
		return o.StateMachine.Apply(l)
	}
	if _, err := o.dec.Entry(l.Data); err != nil {
		o.v.w.fail("%s: entry %d cannot be read: %v", o.p.node.name, l.Index, err)
	}
	o.v.saw(o.p, l)
	before := o.p.r.Engine().Now()
	res := o.StateMachine.Apply(l)
	if now := o.p.r.Engine().Now(); now < before {
		o.v.w.fail("%s: log time goes back from %d to %d with entry %d", o.p.node.name, before, now, l.Index)
	}
	if l.Index%digestEvery == 0 {
		o.v.compare(o.p, l.Index)
	}
	return res
}

func (o *observed) Snapshot() (raft.FSMSnapshot, error) {
	if !o.p.isGone() {
		index, _ := o.Applied()
		o.v.compare(o.p, index)
	}
	return o.StateMachine.Snapshot()
}

func (o *observed) Restore(rc io.ReadCloser) error {
	err := o.StateMachine.Restore(rc)
	if err == nil && !o.p.isGone() {
		index, _ := o.Applied()
		o.v.compare(o.p, index)
	}
	return err
}

func (v *watcher) saw(p *process, l *raft.Log) {
	r := record{term: l.Term, sum: xxhash.Sum64(l.Data), by: p.node.name}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last = max(v.last, l.Index)
	was, ok := v.applied[l.Index]
	if !ok {
		v.applied[l.Index] = r
		return
	}
	if was.term != r.term || was.sum != r.sum {
		v.w.fail("entry %d is of term %d on %s, and another one of term %d on %s", l.Index, r.term, r.by, was.term, was.by)
	}
}

// compare holds a node's data against what another had after the same entry.
func (v *watcher) compare(p *process, index uint64) {
	digest := p.r.Engine().Digest()
	v.mu.Lock()
	defer v.mu.Unlock()
	was, ok := v.digests[index]
	if !ok {
		v.digests[index] = digest
		return
	}
	if was != digest {
		v.w.fail("%s holds other data than another node after entry %d", p.node.name, index)
	}
}
