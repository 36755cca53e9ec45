// Package rpc is Raft's network transport as a node uses it: that of
// hashicorp/raft over the cluster bus, with other heartbeats, and without what a
// node that is not well must not do.
//
// The library's fast path, which answers heartbeats beside the main loop, lets logs
// diverge when a deposed leader hears the new one while it writes
// (hashicorp/raft#695): it is off, and heartbeats wait their turn behind disk
// writes. But then two followers whose disks take longer than the lease for one
// sync would depose a leader that is well. So a heartbeat that is slow is vouched
// for: the same question that reads ask, whether the leader's term is still the
// follower's, is answered beside the main loop, for it changes nothing there. The
// heartbeat itself stays on its way, and resets the follower's election timer as
// soon as its disk is done.
//
// A leader whose own disk hangs would, on the other hand, never be deposed, for its
// heartbeats need no disk (hashicorp/raft#503): while a write to its log hangs,
// nothing that keeps followers from an election leaves the node. And a node that
// cannot write asks for no votes (hashicorp/raft#614).
//
//	Raft ──▶ Transport ──┬─ well? ─ no ─▶ ErrSick
//	                     ├─ heartbeat ──▶ on its way ─┬─ answered ─▶ Config.Heard
//	                     │                            └─ slow ─────▶ Config.Vouch
//	                     └─ all else ───▶ raft.NetworkTransport ──▶ bus
package rpc
