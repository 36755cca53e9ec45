package server

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// infoSections are the sections of INFO in the order in which they are shown.
var infoSections = []struct {
	name  string
	extra bool // only by name or with everything
	write func(s *Server, b *strings.Builder)
}{
	{"server", false, (*Server).infoServer},
	{"clients", false, (*Server).infoClients},
	{"memory", false, (*Server).infoMemory},
	{"persistence", false, (*Server).infoPersistence},
	{"stats", false, (*Server).infoStats},
	{"replication", false, (*Server).infoReplication},
	{"cpu", false, (*Server).infoCPU},
	{"modules", false, func(*Server, *strings.Builder) {}},
	{"commandstats", true, (*Server).infoCommands},
	{"errorstats", false, (*Server).infoErrors},
	{"cluster", false, func(_ *Server, b *strings.Builder) { b.WriteString("cluster_enabled:0\r\n") }},
	{"raft", false, (*Server).infoRaft},
	{"keyspace", false, (*Server).infoKeyspace},
}

// cmdInfo is INFO [section ...]; default, all and everything as in Redis.
func (c *conn) cmdInfo(args [][]byte) {
	want := map[string]bool{}
	for _, a := range args[1:] {
		want[strings.ToLower(string(a))] = true
	}
	def := len(args) == 1 || want["default"]
	all := want["all"] || want["everything"]
	var b strings.Builder
	for _, s := range infoSections {
		if !want[s.name] && !all && !(def && !s.extra) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("# " + strings.ToUpper(s.name[:1]) + s.name[1:] + "\r\n")
		s.write(c.srv, &b)
	}
	c.verbatim(b.String())
}

func line(b *strings.Builder, name string, value any) { fmt.Fprintf(b, "%s:%v\r\n", name, value) }

func (s *Server) infoServer(b *strings.Builder) {
	up := time.Since(s.started)
	line(b, "redis_version", redisVersion)
	line(b, "redis_git_sha1", "00000000")
	line(b, "redis_git_dirty", 0)
	line(b, "redis_build_id", "0")
	line(b, "redis_mode", "standalone")
	line(b, "pingd_version", version())
	line(b, "pingd_name", s.cfg.Name)
	line(b, "os", runtime.GOOS+" "+runtime.GOARCH)
	line(b, "arch_bits", 32<<(^uint(0)>>63))
	line(b, "multiplexing_api", "goroutines")
	line(b, "go_version", runtime.Version())
	line(b, "process_id", os.Getpid())
	line(b, "run_id", s.cfg.RunID)
	line(b, "tcp_port", s.settings.Get("port"))
	line(b, "server_time_usec", time.Now().UnixMicro())
	line(b, "uptime_in_seconds", int64(up.Seconds()))
	line(b, "uptime_in_days", int64(up.Hours()/24))
	line(b, "hz", 10)
	line(b, "configured_hz", 10)
	line(b, "executable", "pingd")
	line(b, "config_file", "")
}

func (s *Server) infoClients(b *strings.Builder) {
	all := s.clients.list()
	pubsub := 0
	for _, c := range all {
		if c.isType("pubsub") {
			pubsub++
		}
	}
	line(b, "connected_clients", len(all))
	line(b, "cluster_connections", 0)
	line(b, "maxclients", s.live.maxClients.Load())
	line(b, "client_recent_max_input_buffer", 0)
	line(b, "client_recent_max_output_buffer", 0)
	line(b, "blocked_clients", 0)
	line(b, "tracking_clients", 0)
	line(b, "pubsub_clients", pubsub)
	line(b, "clients_in_timeout_table", 0)
}

func (s *Server) infoMemory(b *strings.Builder) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	data := s.cfg.Store.Engine().Stats().Bytes
	line(b, "used_memory", m.HeapAlloc)
	line(b, "used_memory_human", human(m.HeapAlloc))
	line(b, "used_memory_rss", m.Sys-m.HeapReleased)
	line(b, "used_memory_rss_human", human(m.Sys-m.HeapReleased))
	line(b, "used_memory_dataset", data)
	line(b, "used_memory_dataset_perc", fmt.Sprintf("%.2f%%", 100*float64(data)/float64(max(m.HeapAlloc, 1))))
	line(b, "maxmemory", s.settings.Get("maxmemory"))
	line(b, "maxmemory_human", "0B")
	line(b, "maxmemory_policy", s.settings.Get("maxmemory-policy"))
	line(b, "mem_allocator", "go")
}

func human(n uint64) string {
	const k = 1024.0
	switch f := float64(n); {
	case f < k:
		return fmt.Sprintf("%dB", n)
	case f < k*k:
		return fmt.Sprintf("%.2fK", f/k)
	case f < k*k*k:
		return fmt.Sprintf("%.2fM", f/k/k)
	default:
		return fmt.Sprintf("%.2fG", f/k/k/k)
	}
}

func (s *Server) infoPersistence(b *strings.Builder) {
	line(b, "loading", 0)
	line(b, "async_loading", 0)
	line(b, "rdb_bgsave_in_progress", 0)
	line(b, "rdb_last_bgsave_status", "ok")
	line(b, "aof_enabled", 0)
	line(b, "aof_rewrite_in_progress", 0)
	line(b, "aof_last_write_status", "ok")
}

func (s *Server) infoStats(b *strings.Builder) {
	channels, patterns := s.hub.Counts()
	line(b, "total_connections_received", s.stats.accepted.Load())
	line(b, "total_commands_processed", s.stats.commands.Load())
	line(b, "total_net_input_bytes", s.stats.bytesIn.Load())
	line(b, "total_net_output_bytes", s.stats.bytesOut.Load())
	line(b, "rejected_connections", s.stats.rejected.Load())
	line(b, "client_output_buffer_limit_disconnections", s.stats.cut.Load())
	line(b, "pubsub_channels", channels)
	line(b, "pubsub_patterns", patterns)
	line(b, "pubsubshard_channels", 0)
	line(b, "evicted_keys", 0)
	line(b, "total_error_replies", s.stats.errors.Load())
}

func (s *Server) infoCPU(b *strings.Builder) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return
	}
	line(b, "used_cpu_sys", fmt.Sprintf("%d.%06d", u.Stime.Sec, u.Stime.Usec))
	line(b, "used_cpu_user", fmt.Sprintf("%d.%06d", u.Utime.Sec, u.Utime.Usec))
}

func (s *Server) infoCommands(b *strings.Builder) {
	for _, e := range s.table.index().Shown() {
		cmd := s.table[e.Name]
		if n := cmd.calls.Load(); n > 0 {
			line(b, "cmdstat_"+cmd.Name, fmt.Sprintf("calls=%d,failed_calls=%d", n, cmd.failed.Load()))
		}
	}
}

func (s *Server) infoErrors(b *strings.Builder) {
	counts := s.stats.codes()
	codes := make([]string, 0, len(counts))
	for code := range counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		line(b, "errorstat_"+code, fmt.Sprintf("count=%d", counts[code]))
	}
}

func (s *Server) infoKeyspace(b *strings.Builder) {
	st := s.cfg.Store.Engine().Stats()
	for db := range st.Keys {
		if st.Keys[db] > 0 {
			line(b, fmt.Sprintf("db%d", db), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=0", st.Keys[db], st.Expires[db]))
		}
	}
}
