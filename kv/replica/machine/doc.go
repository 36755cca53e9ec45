// Package machine is the replicated state machine that Raft drives: it decodes
// log entries, applies their commands to the engine, keeps the table of members
// and remembers the replies of recent groups, so that a group which was sent
// twice is applied once (Raft dissertation, section 6.3).
//
// Everything it does follows from the log alone. Apply, StoreConfiguration,
// Snapshot and Restore are called by one goroutine of Raft's; the rest is safe
// for concurrent use.
package machine
