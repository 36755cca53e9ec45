// Package logstore keeps a node's durable state in one directory: the Raft log
// (in a write-ahead log or in bbolt), term and vote and a few facts about the
// node (always in bbolt), and snapshots (in files).
//
//	<dir>/lock         held by the process that owns the directory
//	<dir>/stable.db    term, vote, facts
//	<dir>/wal/         log segments           (kind "wal"); of those that were cut,
//	                   only what is written takes space (trimmer)
//	<dir>/log.db       the log                (kind "bolt")
//	<dir>/snapshots/   the newest two snapshots
//
// Whatever is read was checked: the libraries below leave most of it unchecked (see
// docs/decisions/0007-damage-is-found-before-use.md).
//
//	Open    reads every file to its end: damage, or the rest of a write that a
//	   |    crash cut short? The first is refused (ErrDamaged), the second cleared.
//	   v
//	Logs    compares the checksum that every entry has from the leader that made
//	   |    it, on its way from disk and from the network; a mismatch ends the node
//	Stable  compares its values' checksums
//	Snapshots  compares index, term and configuration, and the state's CRC-64
//
// A write that fails is never tried again: after a failed fsync the kernel may
// have dropped the pages and a second fsync may claim success. The first such
// error is latched and told to the owner, which leaves.
package logstore
