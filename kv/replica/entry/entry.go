package entry

import (
	"errors"
	"fmt"

	"pingd/kv/engine"
)

// Version is the newest format. The format of all so far is the same: an entry's
// version is the level of its commands (see engine.Level), so that a program which
// does not know them all refuses the entry instead of doing something else with it.
// Decode accepts every version from 1; an entry is written with the lowest that will
// do, so that a version of the program from before can still read it.
const Version = engine.Level

// Kind says what an entry does.
type Kind uint8

// The kinds of entries.
const (
	KindBatch  Kind = 1 // commands for the engine; without groups it only moves log time
	KindMember Kind = 2 // a node's advertised addresses, in a form only package machine reads
	KindForget Kind = 3 // a node is no longer a member; the payload is its name
)

// Limits of what Decode accepts.
const (
	MaxName   = 255     // bytes of a node name
	MaxGroups = 1 << 16 // groups in one entry
)

// Errors of Decode. A decoded entry shares memory with its input.
var (
	ErrFormat  = errors.New("malformed log entry")
	ErrVersion = errors.New("log entry of an unknown version")
)

// Origin names a group for ever: the node that made it, which run of that
// node's process, and a number counted up by that run.
type Origin struct {
	Node        string
	Incarnation uint64
	Number      uint64

	// Oldest is the smallest number whose outcome the node does not yet know.
	// Whatever lies below will never be sent again, so it may be forgotten.
	Oldest uint64
}

// Group is commands of one origin, applied in order and as one step.
type Group struct {
	Origin Origin
	Cmds   []engine.Command
}

// Entry is one decoded log entry. Payload is set unless Kind is KindBatch.
type Entry struct {
	Version uint8 // also the Stamp's Level
	Kind    Kind
	Stamp   engine.Stamp
	Groups  []Group
	Payload []byte
}

func formatError(what string) error { return fmt.Errorf("%w: %s", ErrFormat, what) }
