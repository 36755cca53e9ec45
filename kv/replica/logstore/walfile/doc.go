// Package walfile reads the segments of raft-wal without trusting them, to find
// damage before raft-wal opens one. A segment is
//
//	head (32) | entry ... commit | entry ... commit | ... | entry ... index commit
//	              └── a batch ──┘                          └── ends a full segment
//
// where each frame has a head of 8 bytes, and a commit holds a CRC-32C of its batch.
// Raft-wal 0.4.0 compares the last one only, and takes everything from the first
// malformed frame on for a write that a crash cut short. A flipped bit would thus be
// served, or cost all entries behind it, acknowledged as they may be.
//
// Tail tells the two apart. A write that was cut short is the last one, and lacks
// whole sectors, which still hold the zeros of the new file. So what does not fit its
// checksum is damage if a valid batch follows it, if one flipped bit explains it, or
// if no sector is missing.
//
// The package is pure: it reads an io.ReaderAt.
package walfile
