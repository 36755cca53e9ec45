// Package keyspace stores the databases: keys in a deterministic order, their
// expiry, their versions, and snapshots that do not stall writes. It knows values
// but no commands.
package keyspace
