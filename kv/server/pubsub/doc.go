// Package pubsub knows who listens to which channel and pattern, delivers
// messages to them and turns changes of the keyspace into Redis's keyspace
// notifications. It holds no sockets: a Subscriber takes encoded messages and
// must not block.
package pubsub
