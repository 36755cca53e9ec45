package replica

import (
	"fmt"

	"pingd/kv/engine"
)

// olderNode returns a member whose program does not know commands of a level; "" if
// there is none. What a member knows it tells with its addresses; one that has told
// nothing is of the first version.
func (r *Replica) olderNode(level uint8) string {
	for _, s := range r.servers() {
		if m, _ := r.machine.Member(string(s.ID)); max(1, m.Level) < level {
			return string(s.ID)
		}
	}
	return ""
}

// unknownToSome returns why cmds must not go into the log yet: every node has to do
// the same with them. It is for the node that takes them and for the leader.
func (r *Replica) unknownToSome(cmds []engine.Command) error {
	level := r.cfg.levelOf(cmds)
	if level <= 1 {
		return nil
	}
	if name := r.olderNode(level); name != "" {
		return levelError(fmt.Sprintf("%s: node %s runs an older version of pingd; upgrade it, or remove it", ErrLevel.Error(), name))
	}
	return nil
}

// levelError is an ErrLevel that names the node.
type levelError string

func (e levelError) Error() string        { return string(e) }
func (e levelError) Is(target error) bool { return target == ErrLevel }
