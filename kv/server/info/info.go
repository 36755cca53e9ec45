package info

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// RedisVersion is the version of Redis whose behaviour is followed.
const RedisVersion = "7.0.15"

// infoSections are the sections of INFO in the order in which they are shown.
var infoSections = []struct {
	name  string
	extra bool // only by name or with everything
	write func(f *Facts, b *strings.Builder)
}{
	{"server", false, (*Facts).infoServer},
	{"clients", false, (*Facts).infoClients},
	{"memory", false, (*Facts).infoMemory},
	{"persistence", false, (*Facts).infoPersistence},
	{"stats", false, (*Facts).infoStats},
	{"replication", false, (*Facts).infoReplication},
	{"cpu", false, (*Facts).infoCPU},
	{"modules", false, func(*Facts, *strings.Builder) {}},
	{"commandstats", true, (*Facts).infoCommands},
	{"errorstats", false, (*Facts).infoErrors},
	{"cluster", false, func(_ *Facts, b *strings.Builder) { b.WriteString("cluster_enabled:0\r\n") }},
	{"raft", false, (*Facts).infoRaft},
	{"keyspace", false, (*Facts).infoKeyspace},
}

// Render writes the sections asked for (INFO [section ...]): none named or
// default, all, everything, or by their names.
func (f *Facts) Render(sections [][]byte) string {
	want := map[string]bool{}
	for _, a := range sections {
		want[strings.ToLower(string(a))] = true
	}
	def := len(sections) == 0 || want["default"]
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
		s.write(f, &b)
	}
	return b.String()
}

func line(b *strings.Builder, name string, value any) { fmt.Fprintf(b, "%s:%v\r\n", name, value) }

func (f *Facts) infoServer(b *strings.Builder) {
	up := time.Since(f.Started)
	line(b, "redis_version", RedisVersion)
	line(b, "redis_git_sha1", "00000000")
	line(b, "redis_git_dirty", 0)
	line(b, "redis_build_id", "0")
	line(b, "redis_mode", "standalone")
	line(b, "pingd_version", Version())
	line(b, "pingd_name", f.Name)
	line(b, "os", runtime.GOOS+" "+runtime.GOARCH)
	line(b, "arch_bits", 32<<(^uint(0)>>63))
	line(b, "multiplexing_api", "goroutines")
	line(b, "go_version", runtime.Version())
	line(b, "process_id", os.Getpid())
	line(b, "run_id", f.RunID)
	line(b, "tcp_port", f.Setting("port"))
	line(b, "server_time_usec", time.Now().UnixMicro())
	line(b, "uptime_in_seconds", int64(up.Seconds()))
	line(b, "uptime_in_days", int64(up.Hours()/24))
	line(b, "hz", 10)
	line(b, "configured_hz", 10)
	line(b, "executable", "pingd")
	line(b, "config_file", "")
}

func (f *Facts) infoClients(b *strings.Builder) {
	line(b, "connected_clients", f.Clients)
	line(b, "cluster_connections", 0)
	line(b, "maxclients", f.MaxClients)
	line(b, "client_recent_max_input_buffer", 0)
	line(b, "client_recent_max_output_buffer", 0)
	line(b, "blocked_clients", 0)
	line(b, "tracking_clients", 0)
	line(b, "pubsub_clients", f.PubSubClients)
	line(b, "clients_in_timeout_table", 0)
}

func (f *Facts) infoMemory(b *strings.Builder) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	data := f.Data.Bytes
	line(b, "used_memory", m.HeapAlloc)
	line(b, "used_memory_human", human(m.HeapAlloc))
	line(b, "used_memory_rss", m.Sys-m.HeapReleased)
	line(b, "used_memory_rss_human", human(m.Sys-m.HeapReleased))
	line(b, "used_memory_dataset", data)
	line(b, "used_memory_dataset_perc", fmt.Sprintf("%.2f%%", 100*float64(data)/float64(max(m.HeapAlloc, 1))))
	line(b, "maxmemory", f.Setting("maxmemory"))
	line(b, "maxmemory_human", "0B")
	line(b, "maxmemory_policy", f.Setting("maxmemory-policy"))
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

func (f *Facts) infoPersistence(b *strings.Builder) {
	line(b, "loading", 0)
	line(b, "async_loading", 0)
	line(b, "rdb_bgsave_in_progress", 0)
	line(b, "rdb_last_bgsave_status", "ok")
	line(b, "aof_enabled", 0)
	line(b, "aof_rewrite_in_progress", 0)
	line(b, "aof_last_write_status", "ok")
}

func (f *Facts) infoStats(b *strings.Builder) {
	line(b, "total_connections_received", f.Accepted)
	line(b, "total_commands_processed", f.Commands)
	line(b, "total_net_input_bytes", f.BytesIn)
	line(b, "total_net_output_bytes", f.BytesOut)
	line(b, "rejected_connections", f.Rejected)
	line(b, "client_output_buffer_limit_disconnections", f.Cut)
	line(b, "pubsub_channels", f.Channels)
	line(b, "pubsub_patterns", f.Patterns)
	line(b, "pubsubshard_channels", 0)
	line(b, "evicted_keys", 0)
	line(b, "total_error_replies", f.Errors)
}

func (f *Facts) infoCPU(b *strings.Builder) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return
	}
	line(b, "used_cpu_sys", fmt.Sprintf("%d.%06d", u.Stime.Sec, u.Stime.Usec))
	line(b, "used_cpu_user", fmt.Sprintf("%d.%06d", u.Utime.Sec, u.Utime.Usec))
}

func (f *Facts) infoCommands(b *strings.Builder) {
	for _, c := range f.Calls {
		line(b, "cmdstat_"+c.Name, fmt.Sprintf("calls=%d,failed_calls=%d", c.Calls, c.Failed))
	}
}

func (f *Facts) infoErrors(b *strings.Builder) {
	counts := f.ErrorCodes
	codes := make([]string, 0, len(counts))
	for code := range counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		line(b, "errorstat_"+code, fmt.Sprintf("count=%d", counts[code]))
	}
}

func (f *Facts) infoKeyspace(b *strings.Builder) {
	st := f.Data
	for db := range st.Keys {
		if st.Keys[db] > 0 {
			line(b, fmt.Sprintf("db%d", db), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=0", st.Keys[db], st.Expires[db]))
		}
	}
}
