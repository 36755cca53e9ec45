// Package logstore keeps a node's durable state in one directory: the Raft log
// (in a write-ahead log or in bbolt), term and vote and a few facts about the
// node (always in bbolt), and snapshots (in files).
//
//	<dir>/lock         held by the process that owns the directory
//	<dir>/stable.db    term, vote, facts
//	<dir>/wal/         log segments           (kind "wal")
//	<dir>/log.db       the log                (kind "bolt")
//	<dir>/snapshots/   the newest two snapshots
//
// A write that fails is never tried again: after a failed fsync the kernel may
// have dropped the pages and a second fsync may claim success. The first such
// error is latched and told to the owner, which leaves.
package logstore
