// Package head is the monitor's log of the running hour: what is not in an archive
// yet, on disk, so that a start after kill -9 or a power cut goes on where the
// history ended.
//
// It is a file for each hour to which frames are appended:
//
//	size     4 bytes, little endian, of payload
//	kind     1 byte
//	payload
//	checksum 4 bytes, CRC-32C of kind and payload
//
// A minute's values are one frame (Block); further frames hold what the monitor
// wants to remember at once, such as an event. Append hands a frame to the kernel,
// so that it survives the end of the process; Sync, at most once a minute, puts it
// on the disk. A torn or changed frame ends the reading of its file, and the file
// is cut there before it grows again.
//
// Not bbolt: it syncs twice for each transaction, and rewrites whole pages.
package head
