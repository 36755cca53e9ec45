package engine

import "pingd/kv/engine/call"

// Event is one change of the keyspace.
type Event = call.Event

// EventClass is a class of keyspace events.
type EventClass = call.EventClass

// OnEvents sets the function that receives the events of each Apply that has
// any. It runs on the applying goroutine after the lock is released, in the order
// of the log, and must neither block nor keep the slice or the keys in it. Set it
// before the first Apply.
func (e *Engine) OnEvents(fn func([]Event)) { e.onEvents = fn }

// OnRestore sets the function that is called after Restore has replaced the state:
// no events tell what changed. Set it before the first Restore.
func (e *Engine) OnRestore(fn func()) { e.onRestore = fn }
