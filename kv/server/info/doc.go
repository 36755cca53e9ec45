// Package info writes the reply of the Redis command INFO, and tells the cluster
// in Redis's words: the leader is the master, the others are its slaves.
package info
