package server

import (
	"net"
	"runtime/debug"
	"strconv"
	"strings"
)

// view is the cluster in Redis's words: the leader is the master, the others are
// its slaves.
type view struct {
	leader                 bool
	linkUp                 bool // this node hears a leader
	masterHost, masterPort string
	offset                 int64 // log index that this node has applied
	replicas               []replicaView
}

type replicaView struct {
	host, port string
	online     bool
	offset     int64
	lag        int64
}

func (s *Server) view() view {
	store := s.cfg.Store
	v := view{leader: store.IsLeader()}
	if lead, ok := store.Leader(); ok {
		v.masterHost, v.masterPort = splitAddr(lead.Redis)
		v.linkUp = true
	}
	v.offset = int64(store.Status().Applied)
	for _, m := range store.Members() {
		if m.Leader || m.Redis == "" {
			continue
		}
		host, port := splitAddr(m.Redis)
		v.replicas = append(v.replicas, replicaView{
			host: host, port: port, online: m.Alive, offset: int64(m.Applied), lag: int64(max(m.LastContactSeconds, 0)),
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

func (s *Server) infoReplication(b *strings.Builder) {
	v := s.view()
	if v.leader {
		line(b, "role", "master")
	} else {
		status := "down"
		if v.linkUp {
			status = "up"
		}
		line(b, "role", "slave")
		line(b, "master_host", v.masterHost)
		line(b, "master_port", v.masterPort)
		line(b, "master_link_status", status)
		line(b, "master_last_io_seconds_ago", 0)
		line(b, "master_sync_in_progress", 0)
		line(b, "slave_read_repl_offset", v.offset)
		line(b, "slave_repl_offset", v.offset)
		line(b, "slave_priority", s.settings.Get("replica-priority"))
		line(b, "slave_read_only", 0)
		line(b, "replica_announced", 1)
		v.replicas = nil // the master's, not this node's
	}
	line(b, "connected_slaves", len(v.replicas))
	for i, r := range v.replicas {
		state := "online"
		if !r.online {
			state = "wait_bgsave"
		}
		line(b, "slave"+strconv.Itoa(i), "ip="+r.host+",port="+r.port+",state="+state+
			",offset="+itoa(r.offset)+",lag="+itoa(r.lag))
	}
	line(b, "master_failover_state", "no-failover")
	line(b, "master_replid", s.cfg.RunID)
	line(b, "master_replid2", strings.Repeat("0", 40))
	line(b, "master_repl_offset", v.offset)
	line(b, "second_repl_offset", -1)
	line(b, "repl_backlog_active", 0)
}

// infoRaft is a section of this server's own: the replicated log.
func (s *Server) infoRaft(b *strings.Builder) {
	st := s.cfg.Store.Status()
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

// version is what the binary was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
