// Package confirm finds out whether a node still leads, so that it may answer
// reads without writing to the log.
//
// By default it asks: every voter is asked whether the leader's term is still its
// own, and a majority of yes means that nobody else had been elected when the
// question was answered. That needs no clock. (raft.VerifyLeader would not do: it
// can count the answer to a heartbeat that was sent before the question.) All
// reads that wait share one such round.
//
// With a lease it remembers: a voter that took a heartbeat votes for nobody else
// until it has heard nothing for one election timeout, so a majority of heartbeats
// stands for the reads of a part of that time, counted from when they were sent.
//
//	heartbeat sent ──▶ taken by a voter ──────────────── votes again, at the earliest
//	     │◀──────── lease: 3/4 of the election timeout ──▶│◀─ margin ─▶│
//
// The lease ends where that argument would: once the leader begins to hand its
// leadership over (the next leader is elected without waiting), for the rest of the
// term. The other hole, a voter that restarts and has forgotten its leader, is
// closed by the node: it takes no request for a vote before one election timeout
// is over. The clock goes on while the machine sleeps.
//
// Everything outside is behind Config: a simulation puts its own clock and
// network there.
package confirm
