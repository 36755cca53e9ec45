// Package engine is the keyspace of the store: data types, expiry, transactions
// and the command table. It is pure and deterministic: given the same commands
// under the same stamps, every replica holds the same data and gives the same
// replies.
package engine
