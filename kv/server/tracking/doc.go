// Package tracking tells clients that what they cached of a key is no longer true
// (Redis command CLIENT TRACKING, client-side caching).
//
//	conn ── Begin(keys it is about to read) ──> Table: key ─> readers
//	     <─ replies are written, End ─────────  messages held meanwhile follow
//	log entry applied ── Changed(events) ─────> Table ──> readers of the key, and
//	                                                      those of a prefix (BCAST)
//
// Every node applies every entry, so a client hears of a write whichever node took
// it. A key is noted before it is read: whatever is applied here after that is
// told after the reply, so that a client never keeps what it was told to forget
// before it had it. When this node can no longer know what is written elsewhere
// (no leader, another leader, state taken over from a snapshot), every reader is
// told to forget everything.
//
// A follower that answers a read by the leader may note a key before it has
// applied a write which the answer contains; then the client is told once more
// than necessary. It is never told too little.
package tracking
