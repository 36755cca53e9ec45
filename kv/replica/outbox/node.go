package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
)

// Errors of Do. Their text is that of a Redis error reply. Those other than
// ErrUncertain promise that no command was, or will be, applied.
var (
	ErrUncertain = errors.New("UNCERTAIN the outcome is unknown: the command may or may not have been applied")
	ErrNoLeader  = errors.New("CLUSTERDOWN no leader was found in time: the command was not applied")
	ErrOverload  = errors.New("ERR too many commands are waiting: the command was not applied")
	ErrClosed    = errors.New("CLUSTERDOWN node is shutting down: the command was not applied")
	ErrCanceled  = errors.New("ERR canceled before the command was sent: it was not applied")
	ErrTooLarge  = errors.New("ERR command is too large for one entry of the replicated log")
	// ErrTooMuch: the replies do not fit into a frame from the leader to this node.
	ErrTooMuch = errors.New("ERR replies are too large to be passed on by this node: read less at once, or ask the leader")
	// ErrRefused: the leader says why it takes no such command. See Refused.
	ErrRefused = errors.New("ERR refused by the leader")
)

// Refused returns an error that is ErrRefused and has the leader's text.
func Refused(text string) error { return refused(text) }

type refused string

func (r refused) Error() string        { return string(r) }
func (r refused) Is(target error) bool { return target == ErrRefused }

// EntryTarget is where a batch stops growing, in bytes: larger entries gain
// nothing and would hold up heartbeats, which wait behind disk writes.
const EntryTarget = 1 << 20

// Config says whose outbox it is. All fields but Now are required.
type Config struct {
	Name        string           // of the node
	Incarnation uint64           // of the process; never used before
	RouteWait   time.Duration    // how long a command waits for a leader
	AnswerWait  time.Duration    // how long it waits at all, a leader's answer included; above RouteWait
	MaxCommand  int              // bytes of the largest command
	Now         func() time.Time // the wall clock: what entries are stamped with; nil: time.Now
	Logger      *slog.Logger
	LevelOf     func([]engine.Command) uint8 // engine.LevelOf
}

// Route is where commands go.
type Route struct {
	Self bool   // this node leads
	Name string // the leader's
	Addr string // of the leader's bus; empty while there is none
}

// Node is what an outbox needs of its node. Apply, Opening, NextDue and LogTime
// are called only while Route says that this node leads.
type Node interface {
	Route() Route
	// Apply puts one entry into the log, waits until it is applied and returns
	// what the state machine returned.
	Apply(data []byte) (any, error)
	// Opening reports whether no entry of this term is applied yet.
	Opening() bool
	// NextDue returns when, in unix milliseconds, something expires.
	NextDue() (int64, bool)
	LogTime() int64
	// Read answers encoded read-only commands if this node leads.
	Read(ctx context.Context, cmds []byte) (*engine.Replies, error)
	// Connect opens a connection for KindWrite and KindRead.
	Connect(ctx context.Context, addr string) (*bus.Client, error)
	// Spawn runs f on a goroutine of the node's; false when it is stopping.
	Spawn(f func()) bool
	// Fail ends the node.
	Fail(err error)
}
