package replica

import (
	"context"
	"errors"

	"pingd/kv/engine"
)

// Do runs one client's pipeline group in order and appends one reply each to
// out. On an error out is as it was; see the errors of this package for what it
// promises. What a successful Do wrote is on the disks of a majority, and what
// it read is no older than the call. Safe for concurrent use.
func (r *Replica) Do(ctx context.Context, cmds []engine.Command, out *engine.Replies) error {
	n, size := out.Len(), len(out.Buf)
	err := r.do(ctx, cmds, out)
	if err != nil {
		out.Ends, out.Buf = out.Ends[:n], out.Buf[:size]
	}
	return err
}

func (r *Replica) do(ctx context.Context, cmds []engine.Command, out *engine.Replies) error {
	first, last := writeSpan(cmds)
	if first < 0 {
		return r.read(ctx, cmds, out)
	}
	if err := r.unknownToSome(cmds); err != nil {
		return err
	}
	if r.refuses.Load() != nil && r.route().Self {
		if err := r.refused(cmds); err != nil {
			return err
		}
	}
	if first > 0 {
		if err := r.read(ctx, cmds[:first], out); err != nil {
			return err
		}
	}
	// Reads between writes go through the log with them: that is one round
	// instead of one for each change between reading and writing. Reads after the
	// last write are answered here if this node leads: it has just shown so.
	end := last + 1
	if !r.route().Self {
		end = len(cmds)
	}
	local, err := r.outbox.Do(ctx, cmds[first:end], out, false)
	if err != nil || end == len(cmds) {
		return err
	}
	if local {
		r.readNow(cmds[end:], out)
		return nil
	}
	if err := r.read(ctx, cmds[end:], out); err != nil {
		return ErrUncertain // the writes before were done
	}
	return nil
}

// writeSpan returns the first and the last command that has to go through the
// log; -1 if there is none.
func writeSpan(cmds []engine.Command) (first, last int) {
	first, last = -1, -1
	for i := range cmds {
		if writes(&cmds[i]) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return first, last
}

// writes reports whether c has to go through the log. A command the engine does
// not know gets its error reply without.
func writes(c *engine.Command) bool {
	if c.Txn != nil {
		first, _ := writeSpan(c.Txn.Cmds)
		return first >= 0
	}
	if len(c.Args) == 0 {
		return false
	}
	spec := engine.Lookup(c.Args[0])
	return spec != nil && spec.Flags&engine.Write != 0
}

// read answers read-only commands: here if this node leads, else by the leader.
func (r *Replica) read(ctx context.Context, cmds []engine.Command, out *engine.Replies) error {
	if r.route().Self {
		err := r.readHere(ctx, cmds, out)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ErrCanceled
		}
	}
	_, err := r.outbox.Do(ctx, cmds, out, true)
	if errors.Is(err, ErrUncertain) {
		err = ErrNoLeader // a read that nobody answered did nothing
	}
	return err
}
