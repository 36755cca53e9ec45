// Package roster keeps the list of members: who is let in, who gets a vote, where
// each node is, who leaves for good.
//
//	newcomer ── Request ──▶ any node ──▶ leader: Admit ─▶ non-voter ─▶ log: address
//	                                     leader: Tend ──▶ caught up? ─▶ voter
//	member that moved ── Request (rejoin) ──▶ leader: Admit ─▶ new address
//	                                     leader: Tend ──▶ dead for good? ─▶ removed
//
// A name is a node: its data directory has a number of its own (Instance), and
// another directory under the same name is let in only when the first does not
// answer any more, and without its vote. Raft's configuration holds addresses too,
// but a node whose address changed is found by asking at the join addresses, so that
// a cluster that moved as a whole finds itself without a leader to tell of it.
package roster
