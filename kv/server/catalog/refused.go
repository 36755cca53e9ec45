package catalog

import "strings"

// Refused returns the commands of Redis that have no place here, in lower case,
// with the error to reply: it says what to do instead.
func Refused() map[string]string {
	const (
		log  = "replication follows the cluster's own log"
		disk = "every write is on disk on a majority of nodes already; snapshots are automatic"
	)
	refused := map[string]string{
		"shutdown":     "stop the process with SIGTERM, which hands leadership over first",
		"replicaof":    log + ", join a node with --join",
		"slaveof":      log + ", join a node with --join",
		"failover":     "use PINGD TRANSFER [name] or SENTINEL FAILOVER",
		"sync":         log,
		"psync":        log,
		"replconf":     log,
		"save":         disk,
		"bgsave":       disk,
		"bgrewriteaof": disk,
	}
	for name, why := range refused {
		refused[name] = "ERR " + strings.ToUpper(name) + " is not supported: " + why
	}
	refused["cluster"] = "ERR This instance has cluster support disabled"
	return refused
}
