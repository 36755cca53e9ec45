package server

import (
	"context"
	"io"

	"pingd/kv/engine"
	"pingd/kv/replica"
)

// Store is what the front needs of the replicated store behind it
// (*replica.Replica). All methods are safe for concurrent use.
type Store interface {
	// Do runs one client's commands in order and appends one reply for each, or
	// returns an error whose text is the reply to all of them.
	Do(ctx context.Context, cmds []engine.Command, out *engine.Replies) error
	// ReadLocal answers read-only commands from this node's own, possibly stale
	// data (Redis command READONLY).
	ReadLocal(cmds []engine.Command, out *engine.Replies) error
	// Engine gives figures and keyspace events.
	Engine() *engine.Engine
	// Publish delivers a message on every node; OnPublish sets who delivers it on
	// this one. OnPublish is called once, before anything runs.
	Publish(ctx context.Context, channel, payload []byte) (receivers int64, err error)
	OnPublish(deliver func(channel, payload []byte) int64)

	IsLeader() bool
	Leader() (replica.Member, bool)
	Members() []replica.Member
	Status() replica.Status
	// Changes reports, conflated, each change of leader, term or membership. The
	// channel is closed when ctx ends.
	Changes(ctx context.Context) <-chan replica.Status
	Transfer(ctx context.Context, name string) error
	Remove(ctx context.Context, name string) error
	Peer() []byte
	WaitReplicas(ctx context.Context, n int) int
	// Backup returns the engine's snapshot of one point of the log: at or after
	// the call, or, if stale, whatever this node has.
	Backup(ctx context.Context, stale bool) (replica.Point, io.ReadCloser, error)
}
