// Package outbox holds messages for a client that may be slower than those who
// send them, within bounds.
package outbox
