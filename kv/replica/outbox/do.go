package outbox

import (
	"context"

	"pingd/kv/engine"
)

// Do sends commands through the outbox and appends one reply each to out, which is
// left alone on an error. Writes of too large a group are split. read says that
// the commands only read; local, that this node led when they were applied.
func (o *Outbox) Do(ctx context.Context, cmds []engine.Command, out *engine.Replies, read bool) (local bool, err error) {
	level := uint8(1)
	if !read {
		level = o.cfg.LevelOf(cmds)
	}
	p := newProposal(cmds, level)
	if len(p.body) > o.cfg.MaxCommand && len(cmds) > 1 && !read {
		return o.doHalves(ctx, cmds, out)
	}
	if len(p.body) > o.cfg.MaxCommand {
		return false, ErrTooLarge
	}
	o.pending.Add(1)
	defer o.pending.Add(-1)
	if err := o.submit(p, read); err != nil {
		return false, err
	}
	var got outcome
	select {
	case got = <-p.done:
	case <-ctx.Done():
		if o.withdraw(p) {
			return false, ErrCanceled
		}
		return false, ErrUncertain
	}
	if got.err != nil {
		return false, got.err
	}
	appendRange(out, got.replies, got.from, p.n)
	return got.local, nil
}

// doHalves sends a group that is too large for one entry in halves.
func (o *Outbox) doHalves(ctx context.Context, cmds []engine.Command, out *engine.Replies) (bool, error) {
	half := len(cmds) / 2
	if _, err := o.Do(ctx, cmds[:half], out, false); err != nil {
		return false, err
	}
	local, err := o.Do(ctx, cmds[half:], out, false)
	if err != nil {
		return false, ErrUncertain // the first half was done
	}
	return local, nil
}
