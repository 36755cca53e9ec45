package engine

import (
	"pingd/kv/engine/call"
	"pingd/kv/engine/keyspace"
)

// Databases is how many numbered keyspaces there are, as in Redis's default
// configuration (the databases setting).
const Databases = keyspace.Databases

// Stamp is what the leader attaches to a batch of commands, so that every
// replica computes the same result from it: the engine reads no clock and no
// other source of randomness.
type Stamp struct {
	UnixMilli int64  // log time in milliseconds since 1970; never goes back (see Engine.Now)
	Seed      uint64 // for commands that choose at random
	Level     uint8  // of the entry, see Level; 0 = Level
}

func (s *Stamp) level() uint8 {
	if s.Level == 0 {
		return Level
	}
	return s.Level
}

// Command is one client command, or one transaction, as it travels in the log.
// Exactly one of Args, Txn and Literal is set.
type Command struct {
	DB    uint8    // selected database, below Databases
	Proto uint8    // protocol version of the reply: 2 or 3
	Args  [][]byte // name and arguments as the client sent them; not retained by the engine
	Txn   *Txn     // MULTI ... EXEC

	// Literal is a reply in RESP made by the front, appended as it is. It keeps
	// the place of a connection-level command (CLIENT, CONFIG ...) within a Txn.
	Literal []byte

	// Client marks what the command changes (Event.Client), so that the front of
	// the node it came from can tell who changed it; 0 = nobody wants to know. It
	// changes nothing else.
	Client uint64
}

// Txn is a MULTI ... EXEC block. Its reply is one array with a reply for each
// command, or a null array when a watched key has changed.
type Txn struct {
	Watch []Watch
	Cmds  []Command // no nested Txn
}

// Watch names a key and the version it had when WATCH was called
// (Engine.Version).
type Watch struct {
	DB      uint8
	Key     []byte
	Version uint64
}

// Replies collects encoded replies one after another: reply i is
// Buf[Ends[i-1]:Ends[i]], with Ends[-1] read as 0. Its zero value is empty.
type Replies struct {
	Buf  []byte
	Ends []int

	// Limit is how long Buf may become; 0 = call.MaxReply longer, by each Apply and by
	// each command of Read.
	Limit int
	// Cut is set where an error stands for a reply that was too large.
	Cut bool
}

// At returns reply i, a slice of Buf.
func (r *Replies) At(i int) []byte {
	start := 0
	if i > 0 {
		start = r.Ends[i-1]
	}
	return r.Buf[start:r.Ends[i]]
}

// Len returns the number of replies.
func (r *Replies) Len() int { return len(r.Ends) }

func (r *Replies) limit() int {
	if r.Limit > 0 {
		return r.Limit
	}
	return len(r.Buf) + call.MaxReply
}

// End marks the end of the reply appended to Buf last.
func (r *Replies) End() { r.Ends = append(r.Ends, len(r.Buf)) }

// Reset forgets all replies and keeps the memory.
func (r *Replies) Reset() { r.Buf, r.Ends, r.Cut = r.Buf[:0], r.Ends[:0], false }
