package probe

import "time"

// age is how old this node's data may be. The leader says how far the log is
// committed; once this node has applied that much, its data is as new as the
// question was. (That a leader was heard of lately would not do: a node that
// catches up hears of it all the time.)
type age struct {
	fresh  time.Time // the data is not older
	commit uint64    // once so much is applied, it is not older than asked
	asked  time.Time
}

func (a *age) told(commit uint64, asked time.Time, applied uint64) {
	a.look(applied)
	if a.asked.IsZero() { // else wait until what was told before is applied
		a.commit, a.asked = commit, asked
		a.look(applied)
	}
}

func (a *age) look(applied uint64) {
	if !a.asked.IsZero() && applied >= a.commit {
		a.fresh, a.asked = a.asked, time.Time{}
	}
}

// Age returns how old the data of this node may be, which follows a leader; not ok
// if nobody has told yet.
func (p *Prober) Age() (time.Duration, bool) {
	applied := p.cfg.Self().Applied
	p.mu.Lock()
	defer p.mu.Unlock()
	p.age.look(applied)
	if p.age.fresh.IsZero() {
		return 0, false
	}
	return time.Since(p.age.fresh), true
}
