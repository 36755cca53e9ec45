package info

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"pingd/kv/resp"
)

func line(b *strings.Builder, name string, value any) { fmt.Fprintf(b, "%s:%v\r\n", name, value) }

// lines writes fields given as name, value, name, value ...
func lines(b *strings.Builder, fields ...any) {
	for i := 0; i < len(fields); i += 2 {
		line(b, fields[i].(string), fields[i+1])
	}
}

func (f *Facts) infoServer(b *strings.Builder) {
	up := time.Since(f.Started)
	lines(b, "redis_version", resp.RedisVersion, "redis_git_sha1", "00000000", "redis_git_dirty", 0, "redis_build_id", "0",
		"redis_mode", "standalone", "pingd_version", Version(), "pingd_name", f.Name,
		"os", kernel(), "arch_bits", 32<<(^uint(0)>>63), "monotonic_clock", "go", "multiplexing_api", "goroutines",
		"go_version", runtime.Version(), "process_id", os.Getpid(), "process_supervised", "no", "run_id", f.RunID,
		"tcp_port", f.Setting("port"), "server_time_usec", time.Now().UnixMicro(),
		"uptime_in_seconds", int64(up.Seconds()), "uptime_in_days", int64(up.Hours()/24), "hz", f.Setting("hz"),
		"configured_hz", f.Setting("hz"), "lru_clock", time.Now().Unix()&(1<<24-1), "executable", executable(),
		"config_file", "", "io_threads_active", 0)
}

func executable() string {
	path, err := os.Executable()
	if err != nil {
		return "pingd"
	}
	return path
}

func (f *Facts) infoClients(b *strings.Builder) {
	lines(b, "connected_clients", f.Clients, "cluster_connections", 0, "maxclients", f.MaxClients,
		"client_recent_max_input_buffer", 0, "client_recent_max_output_buffer", 0, "blocked_clients", f.Blocked,
		"tracking_clients", f.Tracking.Clients, "pubsub_clients", f.PubSubClients, "clients_in_timeout_table", 0)
}

func (f *Facts) infoMemory(b *strings.Builder) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	data, rss := f.Data.Bytes, m.Sys-m.HeapReleased
	total := hostMemory()
	lines(b, "used_memory", m.HeapAlloc, "used_memory_human", human(m.HeapAlloc), "used_memory_rss", rss,
		"used_memory_rss_human", human(rss), "used_memory_peak", m.HeapSys, "used_memory_peak_human", human(m.HeapSys),
		"used_memory_peak_perc", percent(m.HeapAlloc, m.HeapSys),
		"used_memory_overhead", max(0, int64(m.HeapAlloc)-data), "used_memory_startup", 0,
		"used_memory_dataset", data, "used_memory_dataset_perc", percent(uint64(data), m.HeapAlloc),
		"allocator_allocated", m.HeapAlloc, "allocator_active", m.HeapInuse, "allocator_resident", rss,
		"total_system_memory", total, "total_system_memory_human", human(total),
		"used_memory_lua", 0, "used_memory_vm_eval", 0, "used_memory_scripts_eval", 0, "number_of_cached_scripts", 0,
		"number_of_functions", 0, "number_of_libraries", 0, "used_memory_scripts", 0,
		"maxmemory", f.Setting("maxmemory"), "maxmemory_human", "0B", "maxmemory_policy", f.Setting("maxmemory-policy"),
		"mem_fragmentation_ratio", fmt.Sprintf("%.2f", float64(rss)/float64(max(m.HeapAlloc, 1))),
		"mem_fragmentation_bytes", int64(rss)-int64(m.HeapAlloc), "mem_not_counted_for_evict", 0,
		"mem_replication_backlog", 0, "mem_clients_slaves", 0, "mem_clients_normal", 0, "mem_aof_buffer", 0,
		"mem_allocator", "go", "active_defrag_running", 0, "lazyfree_pending_objects", 0, "lazyfreed_objects", 0)
}

func percent(part, whole uint64) string {
	return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(max(whole, 1)))
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

// infoPersistence says in Redis's words that all is well: what was acknowledged is
// on the disks of a majority.
func (f *Facts) infoPersistence(b *strings.Builder) {
	lines(b, "loading", 0, "async_loading", 0, "current_cow_peak", 0, "current_cow_size", 0, "current_cow_size_age", 0,
		"current_fork_perc", "0.00", "current_save_keys_processed", 0, "current_save_keys_total", 0,
		"rdb_changes_since_last_save", 0, "rdb_bgsave_in_progress", 0, "rdb_last_save_time", f.Started.Unix(),
		"rdb_last_bgsave_status", "ok", "rdb_last_bgsave_time_sec", -1, "rdb_current_bgsave_time_sec", -1,
		"rdb_saves", 0, "rdb_last_cow_size", 0, "rdb_last_load_keys_expired", 0, "rdb_last_load_keys_loaded", 0,
		"aof_enabled", 0, "aof_rewrite_in_progress", 0, "aof_rewrite_scheduled", 0, "aof_last_rewrite_time_sec", -1,
		"aof_current_rewrite_time_sec", -1, "aof_last_bgrewrite_status", "ok", "aof_rewrites", 0,
		"aof_last_write_status", "ok", "aof_last_cow_size", 0)
}

func (f *Facts) infoStats(b *strings.Builder) {
	lines(b, "total_connections_received", f.Accepted, "total_commands_processed", f.Commands,
		"instantaneous_ops_per_sec", f.Rates.Commands, "total_net_input_bytes", f.BytesIn,
		"total_net_output_bytes", f.BytesOut, "total_net_repl_input_bytes", 0, "total_net_repl_output_bytes", 0,
		"instantaneous_input_kbps", fmt.Sprintf("%.2f", f.Rates.InKiB),
		"instantaneous_output_kbps", fmt.Sprintf("%.2f", f.Rates.OutKiB),
		"rejected_connections", f.Rejected, "sync_full", 0, "sync_partial_ok", 0, "sync_partial_err", 0,
		"client_output_buffer_limit_disconnections", f.Cut, "expired_keys", f.Seen.Expired, "evicted_keys", 0,
		"evicted_clients", 0, "keyspace_hits", f.Seen.Hits, "keyspace_misses", f.Seen.Misses,
		"pubsub_channels", f.Channels, "pubsub_patterns", f.Patterns, "pubsubshard_channels", f.Shards,
		"latest_fork_usec", 0, "total_forks", 0, "migrate_cached_sockets", 0, "slave_expires_tracked_keys", 0,
		"tracking_total_keys", f.Tracking.Keys, "tracking_total_items", f.Tracking.Items,
		"tracking_total_prefixes", f.Tracking.Prefixes, "unexpected_error_replies", 0, "total_error_replies", f.Errors,
		"dump_payload_sanitizations", 0)
}

func (f *Facts) infoCPU(b *strings.Builder) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return
	}
	lines(b, "used_cpu_sys", fmt.Sprintf("%d.%06d", u.Stime.Sec, u.Stime.Usec),
		"used_cpu_user", fmt.Sprintf("%d.%06d", u.Utime.Sec, u.Utime.Usec),
		"used_cpu_sys_children", "0.000000", "used_cpu_user_children", "0.000000")
}

func (f *Facts) infoCommands(b *strings.Builder) {
	slices.SortFunc(f.Calls, func(x, y Calls) int { return strings.Compare(x.Name, y.Name) })
	for _, c := range f.Calls {
		if c.Calls+c.Rejected == 0 {
			continue
		}
		us := float64(c.Took.Microseconds())
		line(b, "cmdstat_"+c.Name, fmt.Sprintf("calls=%d,usec=%.0f,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			c.Calls, us, us/float64(max(c.Calls, 1)), c.Rejected, c.Failed))
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
