package replica

import (
	"errors"

	"pingd/kv/replica/logstore"
)

// Errors of Do. Their text is that of a Redis error reply. Those other than
// ErrUncertain promise that no command of the group was, or will be, applied.
var (
	// ErrUncertain: the commands may or may not have been applied, or may be yet.
	ErrUncertain = errors.New("UNCERTAIN the outcome is unknown: the command may or may not have been applied")
	ErrNoLeader  = errors.New("CLUSTERDOWN no leader was found in time: the command was not applied")
	ErrTooLarge  = errors.New("ERR command is too large for one entry of the replicated log")
	ErrOverload  = errors.New("ERR too many commands are waiting: the command was not applied")
	ErrClosed    = errors.New("CLUSTERDOWN node is shutting down: the command was not applied")
	ErrCanceled  = errors.New("ERR canceled before the command was sent: it was not applied")
	// ErrStale is ReadLocal's alone.
	ErrStale = errors.New("MASTERDOWN local data is too old: this node has not heard from a leader lately")
)

// Errors of New, Run and the membership calls.
var (
	ErrInUse    = logstore.ErrInUse
	ErrNotADir  = logstore.ErrNotADir
	ErrNoAccess = logstore.ErrNoAccess

	ErrNameTaken = errors.New("node name is in use by another live node\nhint: give each node its own --name")
	ErrRemoved   = errors.New("node was removed from its cluster\nhint: to let it join again, start it with an empty --data directory")
	ErrUnknown   = errors.New("no such member")
	ErrStalled   = errors.New("disk stalled: a write to the log has not returned")
)

// errNotLeader makes a read look for the leader elsewhere.
var errNotLeader = errors.New("not the leader")
