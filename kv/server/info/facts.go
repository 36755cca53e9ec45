package info

import (
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica"
	"pingd/kv/server/tracking"
)

// Facts are what INFO tells. Counters count from the start or from CONFIG
// RESETSTAT.
type Facts struct {
	Started time.Time
	RunID   string // 40 hex digits
	Name    string // of the node
	Setting func(name string) string

	Clients, PubSubClients int
	Blocked, MaxClients    int64
	Channels, Patterns     int // with subscribers
	Shards                 int
	Tracking               tracking.Counts

	Accepted, Rejected, Cut int64 // connections
	Commands, Errors        int64
	BytesIn, BytesOut       int64
	Rates                   PerSecond
	Calls                   []Calls          // by command, in any order
	ErrorCodes              map[string]int64 // error replies by their code
	Data                    engine.Stats
	Seen                    engine.Counters
	Raft                    replica.Status
	Replication             Replication
}

// Calls are the calls of one command, how many of them gave an error or were
// refused before they ran, and how long all of them took.
type Calls struct {
	Name                    string // lower case
	Calls, Failed, Rejected int64
	Took                    time.Duration
}
