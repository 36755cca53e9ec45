// Package follow says what a node that does not lead does with writes of clients:
// pass them on to the leader, or refuse them in the words of a Redis replica or of
// a node of Redis Cluster.
package follow
