// Package client is how the other roles reach the store over the network.
//
// It is a policy over the connections of the redigo library: which node to ask,
// when to ask another one, and when a command must not be sent a second time.
// Decisions are pure functions (classify, order); the rest moves bytes.
//
// A killed node costs a retry, at once, on another node. A paused node (SIGSTOP,
// a frozen disk) costs Config.TryTimeout once and is then avoided for a while.
package client
