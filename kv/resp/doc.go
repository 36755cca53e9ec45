// Package resp reads and writes RESP2 and RESP3, the Redis serialization
// protocol.
//
// Reader takes commands off a connection within Limits and rejects what Redis
// rejects, in Redis's words. The Append functions write replies: values that only
// RESP3 has are written as their RESP2 substitutes when the protocol version asks
// for it.
package resp
