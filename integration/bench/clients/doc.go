// Package clients measures what applications see of a fail-over through the client
// libraries they use: the programs of integration/clients, each incrementing a
// counter of its own every 20 ms while the leadership is handed over and while the
// leader is killed, against pingd and against Redis with Sentinel in turn.
//
//	for each round and fault          whole ── libraries count ── fault ── all write again
//	  pingd, Redis (then the other              │                             │
//	  way round)                                └── every number told ──> tally
//
// All libraries count at the same time, so all of them see the same fail-over.
package clients
