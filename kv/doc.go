// Package kv puts the parts of a store node together: the Redis front
// (kv/server), the replicated log (kv/replica) and, through it, the keyspace
// (kv/engine). It decides the order in which they start and stop and nothing
// else.
//
//	              ctx ends
//	                 │
//	Run ─► replica ──┼───────────────────────► hands the lead over, closes
//	   └─► server ───┴─► stops accepting,  ─┘
//	                     answers what is in flight
//
// The front stops first while the node can still commit, so that what clients
// have in flight is answered; only then is the lead handed over.
package kv
