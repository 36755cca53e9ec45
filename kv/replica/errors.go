package replica

import (
	"errors"

	"pingd/kv/replica/form"
	"pingd/kv/replica/logstore"
	"pingd/kv/replica/outbox"
	"pingd/kv/replica/roster"
)

// Errors of Do. Their text is that of a Redis error reply. Those other than
// ErrUncertain promise that no command of the group was, or will be, applied.
var (
	// ErrUncertain: the commands may or may not have been applied, or may be yet.
	ErrUncertain = outbox.ErrUncertain
	ErrNoLeader  = outbox.ErrNoLeader
	ErrTooLarge  = outbox.ErrTooLarge
	ErrTooMuch   = outbox.ErrTooMuch
	ErrOverload  = outbox.ErrOverload
	ErrClosed    = outbox.ErrClosed
	ErrCanceled  = outbox.ErrCanceled
	// ErrRefused: the leader says why. ErrNoSpace is such an error.
	ErrRefused = outbox.ErrRefused
	ErrNoSpace = errors.New("MISCONF writes that may grow the data are refused")
	// ErrLevel: a command needs a newer version of the program on every node.
	ErrLevel = errors.New("ERR command is not known to every node of the cluster yet")
	// ErrLargeMessage is Publish's alone.
	ErrLargeMessage = errors.New("ERR message is too large to be passed on to other nodes: it was not published")
	// ErrStale is ReadLocal's alone.
	ErrStale = errors.New("MASTERDOWN local data is too old: this node has not heard from a leader lately")
)

// Errors of New, Run and the membership calls.
var (
	ErrInUse    = logstore.ErrInUse
	ErrNotADir  = logstore.ErrNotADir
	ErrNoAccess = logstore.ErrNoAccess
	ErrDamaged  = logstore.ErrDamaged

	ErrNameTaken = form.ErrNameTaken
	ErrForeign   = roster.ErrForeign
	ErrRemoved   = roster.ErrRemoved
	ErrUnknown   = errors.New("no such member")
	ErrLast      = errors.New("it is the only voter: a cluster cannot be without any")
	ErrStalled   = errors.New("disk stalled: a write to the log has not returned")
)
