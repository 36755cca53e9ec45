// Package server is the Redis front of a store node: it speaks RESP2 and RESP3
// with clients and turns their commands into groups for the Store behind it.
//
//	client ──> resp.Reader ──> dispatch ──┬─ data command ──> group ──> Store.Do (one call per
//	                              │       │                             pipeline pass)
//	                              │       └─ CLIENT, INFO ... ──> handler
//	client <── one write per pass ┴─ replies in the order of the commands
//
//	Store: events of each applied entry, PUBLISH ──> pubsub.Hub ──> outbox of each subscriber
//
// One goroutine serves one connection; a connection that subscribes gets a second
// one, which alone writes to it from then on. Commands that wait in a group keep
// their place: what answers at once (PING, QUEUED, errors) is remembered with its
// position, anything else first sends the group on its way.
//
// Settings that CONFIG SET changes for the whole server: timeout, maxclients,
// notify-keyspace-events, client-output-buffer-limit, client-query-buffer-limit,
// proto-max-bulk-len, slowlog-log-slower-than, slowlog-max-len. All others are
// kept and read back.
//
// Locks, in the order in which they may be taken: clients, Hub, outbox; no other
// lock is taken while one of them is held.
package server
