// Package resp reads and writes RESP2 and RESP3, the Redis serialization
// protocol.
package resp
