// Package slot shares one directory among several store nodes, as the copies of
// one compose service share a volume: each takes a numbered directory of its own
// in it, and gives it back by ending.
//
//	/data/slots.lock        held for a moment by whoever chooses
//	/data/store-1/          the node store-1; founder: it starts the cluster
//	/data/store-1.lock      held as long as that node's process lives
//	/data/store-2/ ...
//	/data/store-3.removed/  the cluster removed that node; what it had is kept
//
// A container that replaces another finds the lowest free directory, and so, when
// as many containers run as before, every node again.
package slot
