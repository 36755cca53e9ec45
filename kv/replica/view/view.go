// Package view holds what a store node shows of itself and its cluster: values, as
// JSON has them.
package view

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Status is a node's view of itself and its cluster.
type Status struct {
	Name       string   `json:"name"`
	Cluster    string   `json:"cluster,omitempty"`
	State      string   `json:"state"` // leader, follower, candidate, forming, shutdown
	Term       uint64   `json:"term"`
	Leader     string   `json:"leader,omitempty"` // name
	LastIndex  uint64   `json:"last_index"`
	Commit     uint64   `json:"commit_index"`
	Applied    uint64   `json:"applied_index"`
	Voters     int      `json:"voters"`
	Voter      bool     `json:"voter"`
	LogStore   string   `json:"log_store"`
	Members    []Member `json:"members"`
	Ready      bool     `json:"ready"` // knows a leader
	LastHeard  float64  `json:"last_contact_seconds"`
	FsyncMean  float64  `json:"fsync_seconds_mean"` // of all since the start
	FsyncMax   float64  `json:"fsync_seconds_max"`
	Fsync      Times    `json:"fsync"`              // the same, as a distribution
	LeaderGap  float64  `json:"leader_gap_seconds"` // that the change to the present leader took; 0 = none noticed
	LogBytes   int64    `json:"log_bytes_since_snapshot"`
	SnapIndex  uint64   `json:"snapshot_index"`
	SnapBytes  int64    `json:"snapshot_bytes"`
	SnapshotID string   `json:"snapshot_id,omitempty"`
	DiskFree   int64    `json:"disk_free_bytes"` // -1 = unknown
	DiskHangs  bool     `json:"disk_hangs,omitempty"`
	Refuses    string   `json:"refuses_writes,omitempty"` // why, if this node as leader takes none
}

// Times is a distribution of durations. Bounds are upper bounds in seconds, ascending;
// Counts tells how many there were up to each, and one number more for those above.
type Times struct {
	Bounds []float64 `json:"bounds,omitempty"`
	Counts []uint64  `json:"counts,omitempty"`
}

// Member is one node of the cluster. Addresses are host:port as advertised,
// empty if the node has no such listener.
type Member struct {
	Name     string `json:"name"`
	Raft     string `json:"raft"`
	Redis    string `json:"redis,omitempty"`
	Sentinel string `json:"sentinel,omitempty"`
	Admin    string `json:"admin,omitempty"`

	Voter  bool `json:"voter"`
	Leader bool `json:"leader"`
	Alive  bool `json:"alive"` // answered this node within the last second
	// Applied is the last log index that the node is known to have applied.
	Applied uint64 `json:"applied_index"`
	// LagEntries is how far that is behind this node's commit index.
	LagEntries uint64 `json:"lag_entries"`
	// LowDisk says that the node's disk is nearly full.
	LowDisk bool `json:"low_disk,omitempty"`
	// LastContactSeconds is the time since the node's last answer; -1 = never.
	LastContactSeconds float64 `json:"last_contact_seconds"`
	// Cut: the connection to the node has ended, and none has replaced it yet.
	Cut bool `json:"cut,omitempty"`
	// RunID is 40 hexadecimal digits that are others after each start of the node's
	// process (Redis's run_id); empty until the node has answered.
	RunID string `json:"run_id,omitempty"`
}

// RunID returns Member.RunID.
func RunID(name string, incarnation uint64) string {
	if incarnation == 0 {
		return ""
	}
	sum := sha1.Sum(fmt.Appendf(nil, "run %s %d", name, incarnation)) //nolint:gosec // an identifier, not a secret
	return hex.EncodeToString(sum[:])
}

// Peer is what a node tells others of itself before they share a cluster (Redis
// command PINGD PEER).
type Peer struct {
	Cluster  string   `json:"cluster,omitempty"` // empty while Formed is false
	Name     string   `json:"name"`
	Instance string   `json:"instance"`
	Bus      string   `json:"bus"` // address of the cluster bus
	Formed   bool     `json:"formed"`
	Leader   string   `json:"leader,omitempty"` // name of the leader, as far as known
	Members  []Member `json:"members,omitempty"`
}

// StateName is Raft's name of a state as Status has it.
func StateName(raft string) string { return strings.ToLower(raft) }

// Fingerprint is equal for statuses that need not be told apart.
func (s *Status) Fingerprint() string {
	var b strings.Builder
	b.WriteString(s.State + "|" + s.Leader + "|" + strconv.FormatUint(s.Term, 10))
	for _, m := range s.Members {
		fmt.Fprintf(&b, "|%s %s %s %s %s %s %t %t", m.Name, m.RunID, m.Raft, m.Redis, m.Sentinel, m.Admin, m.Voter, m.Alive)
	}
	return b.String()
}
