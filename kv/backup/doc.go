// Package backup is the form in which the data of a store leaves it and comes back:
// pingd's own backup, and RDB files of Redis.
//
//	                    Write                        Verify, then Load
//	snapshot of a node ───────► file ───────────────────────────────► payloads of PINGD.LOAD
//	                              │ ▲
//	                              │ │ RDB of Redis
//	                        ToRDB ▼ ┘
//
// A backup is a head that says what it is, the keys of one point of the log as the
// engine's snapshot holds them, in blocks with a checksum each, and a checksum over
// everything:
//
//	magic, version | length | head as JSON | xxhash64 | engine snapshot | magic | xxhash64 of all before
//
// Everything streams: memory follows the largest value, not the file. The package
// is pure but for the readers and writers it is handed.
package backup
