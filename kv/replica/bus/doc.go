// Package bus is how store nodes talk to one another: one listener for all
// kinds of connections, each opened by a handshake that says what it is for and
// proves, both ways, knowledge of the cluster's secret.
//
//	dialer                                       listener
//	  magic, version, purpose, cluster, name,
//	  instance, nonce                      ---->
//	                                       <----  status, cluster, name, instance,
//	                                              nonce, proof
//	  proof                                ---->
//	                                       <----  status
//
// Everything before the last status is bounded in length and time, so bytes of
// a stranger cost one small buffer for a few seconds and nothing else.
//
// A proof is HMAC-SHA256 under the secret over the side's name and everything
// both sides said. Nothing is encrypted: the bus belongs on a network, or in a
// tunnel, whose operators are trusted.
//
// After the handshake a connection is either handed to Raft as a stream (Stream)
// or carries numbered requests and replies, many at once (Client, Handler).
package bus
