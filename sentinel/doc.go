// Package sentinel answers the Redis Sentinel protocol for a store whose leader
// is chosen by Raft, so that every Redis client that knows Sentinel finds the
// leader and follows it without a change.
//
//	Cluster --View--> next (pure) --Event--> subscribers and the log
//	                    |
//	                  state ----> replies to SENTINEL, INFO, ROLE
//
// What Sentinel calls the master is the Raft leader, a replica is any other
// node, the configuration epoch is the Raft term, and the quorum is Raft's. Every
// node has its own endpoint; all tell the same, since none of them decides
// anything: there is no TILT, no vote among Sentinels and no configuration to
// rewrite. The package knows the store only as a Cluster.
package sentinel
