package cluster

import (
	"time"

	"pingd/monitor/alert"
)

// State is what the monitor shows of a cluster at one moment: who there is, who
// leads, and counters that only grow (the monitor makes rates of them). Whoever
// asks the cluster fills it afresh each time; slices may come in any order, and
// what could not be reached is either left out or given with Alive false:
// Remember keeps what was seen before on the map as dead. The zero value is a
// cluster nothing is known of.
type State struct {
	// Time is when the state was asked for; zero = the monitor's own clock.
	Time time.Time `json:"time"`
	// Name is the cluster's name or id.
	Name string `json:"name,omitempty"`
	// Leader is the name of the store node that leads; empty = none known.
	Leader string `json:"leader"`
	// Term is the newest Raft term seen.
	Term uint64 `json:"term"`
	// Quorum is how many voting stores a write needs; zero = unknown.
	Quorum int `json:"quorum"`
	// Members are the names of the stores in Raft's configuration, whether they
	// live or not; nil = unknown. A store that is not among them has left.
	Members  []string  `json:"members,omitempty"`
	Nodes    []Node    `json:"nodes"`
	Proxies  []Proxy   `json:"proxies"`
	Counters []Counter `json:"counters"`
	Stores   []Store   `json:"stores"`
	Hosts    []Host    `json:"hosts,omitempty"`
	// Alerts are those that other monitors hold raised on their own hosts.
	Alerts []Alert `json:"alerts,omitempty"`
	// Error says why the state is old or incomplete; empty = it is neither.
	Error string `json:"error,omitempty"`
	// LeaderLost is when the cluster was first seen without a leader, zero while
	// there is one. The monitor fills it.
	LeaderLost time.Time `json:"leader_lost,omitzero"`
}

// Node is one pingd process.
type Node struct {
	Name  string   `json:"name"`
	Roles []string `json:"roles,omitempty"`
	// Admin is the host:port of its admin listener, as others reach it.
	Admin    string    `json:"admin,omitempty"`
	Alive    bool      `json:"alive"`
	LastSeen time.Time `json:"last_seen,omitzero"`
	Started  time.Time `json:"started,omitzero"`
	Version  string    `json:"version,omitempty"`
	Error    string    `json:"error,omitempty"` // why it is not alive
	// Container is the id of the container it runs in, as its engine names it; empty
	// when it runs in none, or does not know.
	Container string `json:"container,omitempty"`
	// SkewMS is how far its clock is ahead of the asking monitor's, in milliseconds,
	// as well as a request tells.
	SkewMS float64 `json:"skew_ms"`
	// Left is when it took leave: a process that is stopped takes its announcement
	// back, one that dies does not. Remember fills it; zero = it did not leave.
	Left time.Time `json:"left,omitzero"`
}

// Store is one store node. Counters run since its start.
type Store struct {
	Name  string `json:"name"`
	Addr  string `json:"addr,omitempty"`  // Redis address
	State string `json:"state,omitempty"` // leader, follower, candidate, learner
	Alive bool   `json:"alive"`
	Voter bool   `json:"voter"`

	Term     uint64 `json:"term"`
	Last     uint64 `json:"last"` // newest log index
	Commit   uint64 `json:"commit"`
	Applied  uint64 `json:"applied"`
	Snapshot uint64 `json:"snapshot,omitempty"` // index of the newest snapshot
	// Lag is how many committed entries it has not applied yet; the monitor
	// fills it from Commit of the leader when it is zero.
	Lag uint64 `json:"lag"`
	// LastContactMS is since it heard of the leader; zero on the leader.
	LastContactMS float64 `json:"last_contact_ms"`
	// Fsync is how long syncing its log takes.
	Fsync Latency `json:"fsync"`
	// Gap is how long the change to the present leader left this node without one,
	// in seconds; zero = unknown.
	Gap float64 `json:"gap,omitempty"`

	Commands  uint64    `json:"commands"` // all commands served
	Writes    uint64    `json:"writes"`   // those that went through the log
	Keys      uint64    `json:"keys"`
	Clients   int       `json:"clients"`
	Bytes     uint64    `json:"bytes"`      // approximate memory of the data
	DiskBytes uint64    `json:"disk_bytes"` // log and snapshots
	LastSeen  time.Time `json:"last_seen,omitzero"`
}

// Counter is one process of the visit service. Counters run since its start.
type Counter struct {
	Name     string    `json:"name"`
	Addr     string    `json:"addr,omitempty"`
	Alive    bool      `json:"alive"`
	Visits   uint64    `json:"visits"`
	Batches  uint64    `json:"batches"` // commands those visits took
	Errors   uint64    `json:"errors"`
	Draining bool      `json:"draining,omitempty"`
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// Proxy is one proxy process. Counters run since its start.
type Proxy struct {
	Name        string    `json:"name"`
	Addr        string    `json:"addr,omitempty"`
	Alive       bool      `json:"alive"`
	Requests    uint64    `json:"requests"`
	Errors      uint64    `json:"errors"` // requests answered 5xx by the proxy or a server
	Codes       Codes     `json:"codes"`
	Retries     uint64    `json:"retries"`
	Redispatch  uint64    `json:"redispatches"`
	Connections int       `json:"connections"`
	MaxConn     int       `json:"max_conn"` // limit; 0 = none
	Queue       int       `json:"queue"`
	BytesIn     uint64    `json:"bytes_in"`
	BytesOut    uint64    `json:"bytes_out"`
	Latency     Latency   `json:"latency"` // whole request as clients see it
	Backends    []Backend `json:"backends"`
	LastSeen    time.Time `json:"last_seen,omitzero"`
}

// Backend is one server as one proxy sees it: the columns of HAProxy's
// statistics page (management guide 9.1; its field names in brackets).
type Backend struct {
	Name   string `json:"name"`
	Addr   string `json:"addr"`
	State  string `json:"state"` // UP, DOWN, DRAIN, MAINT, CHECKING [status]
	Weight int    `json:"weight"`
	// Check is the last check's outcome, such as "L7OK/200" or "L4CON" [check_status].
	Check       string    `json:"check,omitempty"`
	CheckMS     float64   `json:"check_ms"`     // [check_duration]
	ChecksFail  uint64    `json:"checks_fail"`  // [chkfail]
	Downs       uint64    `json:"downs"`        // times it went down [chkdown]
	LastChange  time.Time `json:"last_change"`  // [lastchg]
	DowntimeSec float64   `json:"downtime_sec"` // [downtime]
	Current     int       `json:"current"`      // requests on it now [scur]
	Max         int       `json:"max"`          // most at once [smax]
	Limit       int       `json:"limit"`        // maxconn; 0 = none [slim]
	Queue       int       `json:"queue"`        // [qcur]
	Requests    uint64    `json:"requests"`     // [stot]
	Codes       Codes     `json:"codes"`        // [hrsp_1xx..5xx]
	ConnErrors  uint64    `json:"conn_errors"`  // [econ]
	RespErrors  uint64    `json:"resp_errors"`  // [eresp]
	Retries     uint64    `json:"retries"`      // [wretr]
	Redispatch  uint64    `json:"redispatches"` // [wredis]
	BytesIn     uint64    `json:"bytes_in"`     // [bin]
	BytesOut    uint64    `json:"bytes_out"`    // [bout]
	Latency     Latency   `json:"latency"`      // time to the response's head [rtime]
}

// Codes counts responses by the first digit of their status: index 0 is 1xx.
type Codes [5]uint64

// Host is one machine's state in brief, as its own monitor saw it: what
// GET /api/v1/host of any monitor answers. Shares are 0 to 1; PSI values are
// the share of the last second in which some task waited.
type Host struct {
	Name      string    `json:"name"`
	Time      time.Time `json:"time"`
	Alive     bool      `json:"alive"`
	Cores     int       `json:"cores"`
	CPU       float64   `json:"cpu"` // all but idle and iowait
	Iowait    float64   `json:"iowait"`
	Steal     float64   `json:"steal"`
	Load1     float64   `json:"load1"`
	Memory    uint64    `json:"memory"` // bytes used
	MemoryMax uint64    `json:"memory_max"`
	Swap      uint64    `json:"swap"`
	PSICPU    float64   `json:"psi_cpu"`
	PSIMemory float64   `json:"psi_memory"`
	PSIIO     float64   `json:"psi_io"`
	DiskUtil  float64   `json:"disk_util"`  // the busiest disk
	DiskAwait float64   `json:"disk_await"` // ms, the slowest disk
	Space     float64   `json:"space"`      // the fullest file system
	Rx        float64   `json:"rx"`         // bytes a second over real interfaces
	Tx        float64   `json:"tx"`
	Retrans   float64   `json:"retrans"` // share of TCP segments sent again
}

// Alert is an alert that a monitor holds raised.
type Alert struct {
	alert.Alert
	Node     string `json:"node"` // the monitor that raised it
	Text     string `json:"text"`
	Silenced bool   `json:"silenced,omitempty"`
}
