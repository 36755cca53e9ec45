// Package replica is the replicated heart of a store node: Raft (by
// hashicorp/raft) around the engine, with everything that makes one command
// survive: batching, forwarding to the leader, linearizable reads, forming and
// joining a cluster, leadership.
//
//	Do ──▶ outbox ──▶ leader here?  ── yes ─▶ one log entry for all that waits
//	         │                                 │ raft.Apply (the only one)
//	         │                                 ▼
//	         │                        machine.Apply ─▶ engine ─▶ replies
//	         └── no ─▶ frame over the bus to the leader's outbox
//
// What waits while an entry is under way becomes the next entry: one in flight,
// no artificial delay. A frame carries its origin (node, process, number), and
// the state machine remembers the replies of recent frames, so a frame whose
// outcome is unknown is sent again, to whoever leads then, and applied once.
//
// Reads are linearizable on every node: the leader notes its commit index, asks
// the voters whether its term is still theirs, and answers from the engine once
// that index is applied. All reads that wait share one such round.
//
// The rooms: outbox moves commands on, entry encodes them, machine applies them;
// confirm tells who leads beyond doubt; logstore and space look after the disk; rpc
// carries Raft over the bus; probe, crash and pilot notice who is slow, ended, or dead
// for good; form, roster and their promises decide who is a member; sim breaks it all.
package replica
