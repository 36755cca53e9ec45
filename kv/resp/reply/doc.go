// Package reply writes RESP replies for the handlers of the Redis front: one
// connection's output, and the error texts that all commands share.
package reply
