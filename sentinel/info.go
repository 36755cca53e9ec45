package sentinel

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"pingd/kv/resp"
)

// info serves INFO with the sections a Sentinel has.
func (c *client) info(_ context.Context, args [][]byte) {
	st, _ := c.s.refresh()
	want := map[string]bool{}
	for _, a := range args[1:] {
		want[strings.ToLower(string(a))] = true
	}
	all := len(want) == 0 || want["default"] || want["all"] || want["everything"]
	var parts []string
	for _, section := range []struct {
		title  string
		fields []any // name, value, name, value ...
	}{
		{"Server", c.s.infoServer()},
		{"Clients", c.s.infoClients()},
		{"Stats", c.s.infoStats()},
		{"CPU", infoCPU()},
		{"Sentinel", c.s.infoSentinel(st)},
	} {
		if all || want[strings.ToLower(section.title)] {
			parts = append(parts, infoText(section.title, section.fields))
		}
	}
	c.Bulk(strings.Join(parts, "\r\n")) // in RESP3 too, unlike a node
}

func infoText(title string, fields []any) string {
	var b strings.Builder
	b.WriteString("# " + title + "\r\n")
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&b, "%v:%v\r\n", fields[i], fields[i+1])
	}
	return b.String()
}

func (s *Server) infoServer() []any {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	up := time.Since(s.started)
	return []any{
		"redis_version", resp.RedisVersion, "redis_mode", "sentinel", "os", runtime.GOOS + " " + runtime.GOARCH,
		"arch_bits", 32 << (^uint(0) >> 63), "process_id", os.Getpid(), "run_id", s.myID(), "tcp_port", port,
		"server_time_usec", time.Now().UnixMicro(), "uptime_in_seconds", int64(up.Seconds()),
		"uptime_in_days", int64(up.Hours() / 24), "hz", 10, "configured_hz", 10, "config_file", "",
	}
}

func (s *Server) infoClients() []any {
	return []any{
		"connected_clients", s.clients.Count(), "cluster_connections", 0, "maxclients", s.cfg.MaxClients,
		"blocked_clients", 0, "tracking_clients", 0, "pubsub_clients", s.hub.count(),
	}
}

func (s *Server) infoStats() []any {
	return []any{
		"total_connections_received", s.accepted.Load(), "total_commands_processed", s.commands.Load(),
		"rejected_connections", s.refused.Load(), "total_error_replies", s.errors.Load(),
		"expired_keys", 0, "evicted_keys", 0, "keyspace_hits", 0, "keyspace_misses", 0, // of which there are none
	}
}

// infoCPU is of the whole process.
func infoCPU() []any {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails for other arguments only
	return []any{
		"used_cpu_sys", fmt.Sprintf("%d.%06d", u.Stime.Sec, u.Stime.Usec), "used_cpu_user", fmt.Sprintf("%d.%06d", u.Utime.Sec, u.Utime.Usec),
		"used_cpu_sys_children", "0.000000", "used_cpu_user_children", "0.000000",
	}
}

// infoSentinel has the line master0, by which set-ups find the master.
func (s *Server) infoSentinel(st state) []any {
	masters := 0
	if st.known {
		masters = 1
	}
	fields := []any{
		"sentinel_masters", masters, "sentinel_tilt", 0, "sentinel_tilt_since_seconds", -1, "sentinel_running_scripts", 0,
		"sentinel_scripts_queue_length", 0, "sentinel_simulate_failure_flags", 0,
	}
	if !st.known {
		return fields
	}
	status := "ok"
	if st.down {
		status = "odown"
	}
	return append(fields, "master0", fmt.Sprintf("name=%s,status=%s,address=%s,slaves=%d,sentinels=%d",
		s.cfg.MasterName, status, st.master.addr(), len(st.replicas()), len(st.others())+1))
}
