package info

import (
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica"
)

// Facts are what INFO tells. Counters count from the start or from CONFIG
// RESETSTAT.
type Facts struct {
	Started time.Time
	RunID   string // 40 hex digits
	Name    string // of the node
	Setting func(name string) string

	Clients, PubSubClients int
	MaxClients             int64
	Channels, Patterns     int // with subscribers

	Accepted, Rejected, Cut int64 // connections
	Commands, Errors        int64
	BytesIn, BytesOut       int64
	Calls                   []Calls          // by command, in the order to show
	ErrorCodes              map[string]int64 // error replies by their code
	Data                    engine.Stats
	Raft                    replica.Status
	Replication             Replication
}

// Calls are the calls of one command, and how many of them gave an error.
type Calls struct {
	Name          string // lower case
	Calls, Failed int64
}
