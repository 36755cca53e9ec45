package info

import (
	"net"
	"runtime/debug"
	"strconv"
	"strings"

	"pingd/kv/replica"
)

// Replication is the cluster in Redis's words.
type Replication struct {
	Master                 bool // this node is the leader
	LinkUp                 bool // this node hears a leader
	ReadOnly               bool // this node refuses writes of clients while it does not lead; not set by View
	MasterHost, MasterPort string
	Offset                 int64 // log index that this node has applied
	Slaves                 []Slave
}

// Slave is a node that is not the leader.
type Slave struct {
	Host, Port string
	Online     bool
	Offset     int64 // log index that it is known to have applied
	Lag        int64 // seconds since its last answer
}

// Cluster is what View asks of the store.
type Cluster interface {
	IsLeader() bool
	Leader() (replica.Member, bool)
	Members() []replica.Member
	Status() replica.Status
}

// View looks at the cluster from this node.
func View(c Cluster) Replication {
	v := Replication{Master: c.IsLeader(), Offset: int64(c.Status().Applied)}
	if lead, ok := c.Leader(); ok {
		v.MasterHost, v.MasterPort = splitAddr(lead.Redis)
		v.LinkUp = true
	}
	for _, m := range c.Members() {
		if m.Leader || m.Redis == "" {
			continue
		}
		host, port := splitAddr(m.Redis)
		v.Slaves = append(v.Slaves, Slave{
			Host: host, Port: port, Online: m.Alive, Offset: int64(m.Applied), Lag: int64(max(m.LastContactSeconds, 0)),
		})
	}
	return v
}

func splitAddr(addr string) (host, port string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, "0"
	}
	return host, port
}

func (f *Facts) infoReplication(b *strings.Builder) {
	v := f.Replication
	if v.Master {
		line(b, "role", "master")
	} else {
		status := "down"
		if v.LinkUp {
			status = "up"
		}
		line(b, "role", "slave")
		line(b, "master_host", v.MasterHost)
		line(b, "master_port", v.MasterPort)
		line(b, "master_link_status", status)
		line(b, "master_last_io_seconds_ago", int64(f.Raft.LastHeard))
		line(b, "master_sync_in_progress", 0)
		if !v.LinkUp {
			line(b, "master_link_down_since_seconds", int64(f.Raft.LastHeard))
		}
		line(b, "slave_read_repl_offset", v.Offset)
		line(b, "slave_repl_offset", v.Offset)
		line(b, "slave_priority", f.Setting("replica-priority"))
		readOnly := 0
		if v.ReadOnly {
			readOnly = 1
		}
		line(b, "slave_read_only", readOnly)
		line(b, "replica_announced", 1)
		v.Slaves = nil // the master's, not this node's
	}
	line(b, "connected_slaves", len(v.Slaves))
	for i, r := range v.Slaves {
		state := "online"
		if !r.Online {
			state = "wait_bgsave"
		}
		line(b, "slave"+strconv.Itoa(i), "ip="+r.Host+",port="+r.Port+",state="+state+
			",offset="+strconv.FormatInt(r.Offset, 10)+",lag="+strconv.FormatInt(r.Lag, 10))
	}
	line(b, "master_failover_state", "no-failover")
	line(b, "master_replid", f.RunID)
	line(b, "master_replid2", strings.Repeat("0", 40))
	line(b, "master_repl_offset", v.Offset)
	line(b, "second_repl_offset", -1)
	lines(b, "repl_backlog_active", 0, "repl_backlog_size", f.Setting("repl-backlog-size"),
		"repl_backlog_first_byte_offset", 0, "repl_backlog_histlen", 0)
}

// infoRaft is a section of this server's own: the replicated log.
func (f *Facts) infoRaft(b *strings.Builder) {
	st := f.Raft
	line(b, "raft_cluster", st.Cluster)
	line(b, "raft_name", st.Name)
	line(b, "raft_state", st.State)
	line(b, "raft_term", st.Term)
	line(b, "raft_leader", st.Leader)
	line(b, "raft_last_index", st.LastIndex)
	line(b, "raft_commit_index", st.Commit)
	line(b, "raft_applied_index", st.Applied)
	line(b, "raft_voters", st.Voters)
	line(b, "raft_log_store", st.LogStore)
	line(b, "raft_snapshot_index", st.SnapIndex)
}

// Version is what the binary was built from.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
