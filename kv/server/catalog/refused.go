package catalog

// Refused returns the commands of Redis that have no place here, in lower case,
// with what to do instead.
func Refused() map[string]string {
	return map[string]string{
		"shutdown":  "stop the process with SIGTERM, which hands leadership over first",
		"replicaof": "replication follows the cluster's own log, join a node with --join",
		"slaveof":   "replication follows the cluster's own log, join a node with --join",
		"failover":  "use PINGD TRANSFER [name] or SENTINEL FAILOVER",
		"sync":      "replication follows the cluster's own log",
		"psync":     "replication follows the cluster's own log",
		"replconf":  "replication follows the cluster's own log",
		"save":      "every write is on disk on a majority of nodes already; snapshots are automatic",
		"bgsave":    "every write is on disk on a majority of nodes already; snapshots are automatic",
		"migrate":   "use DUMP and RESTORE from the client",
	}
}
