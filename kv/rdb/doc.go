// Package rdb reads and writes RDB files, the dumps of Redis (rdb.c, rdb.h).
//
// Read walks a file to its end, of Redis up to version 12 whatever it holds, of newer
// ones and of Valkey unless it holds types that are newer still: every type and
// encoding is parsed, so that the checksum at the end is reached and verified, and what
// a caller cannot use is for the caller to pass over. Writer writes version 9, which
// Redis loads since 5.0, and Valkey.
//
//	"REDIS0009" | aux ... | select db | resize | [expiry] type key value ... | EOF | CRC64
//
// Both stream: memory follows the largest single element (a string, or a field of
// a hash), and never a length that a file merely claims. The package is pure: it
// knows neither the store nor files.
package rdb
