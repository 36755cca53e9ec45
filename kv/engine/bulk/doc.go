// Package bulk is the format in which many keys go through the log at once, ready
// made, instead of as commands that build them: the payload of PINGD.LOAD. It is
// pure: bytes in, values out.
//
//	version | 'f' keys to keep | 'd' database | 'k' kind key expiry value | 'm' kind key value | ...
//
// A value too large for one payload is begun by a 'k' and goes on in any number of
// 'm' records, also of later payloads.
package bulk
