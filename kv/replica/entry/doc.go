// Package entry is the format of what pingd puts into the Raft log, and of the
// command lists that nodes send one another. It is pure: bytes in, values out.
//
// One log entry is one batch: a stamp for all of it, then groups, one for each
// node whose commands were waiting. A group carries its origin, so that the
// state machine knows a group it has applied before (Raft dissertation,
// section 6.3) and a frame whose outcome got lost may be sent again.
//
// The first byte of an entry is its version, the second its kind.
package entry
