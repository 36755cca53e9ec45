package alert

import "fmt"

// defaults are the rules that hold unless somebody changes them. Those of the host
// have netdata's names and levels, so that what people know of them stays true.
// Behind each stands what people are told: {s} is the subject, {v} the value, and
// where neither is named both follow; {} is nothing, for what says it all.
var defaults = []struct{ line, about string }{
	{"10min_cpu_usage: cpu.busy avg 10m warn > 85 clear 75 crit > 95 clear 85 down 15m", "CPU busy, average of 10 minutes"},
	{"10min_cpu_iowait: cpu.iowait avg 10m warn > 40 clear 20 down 30m", "CPU waiting for disks, average of 10 minutes"},
	{"20min_steal_cpu: cpu.steal avg 20m warn > 10 clear 5 down 30m", "CPU taken by the hypervisor, average of 20 minutes"},
	{"load_average_15: load.15_share warn > 200 clear 175 down 15m", "load average of 15 minutes, of the cores"},
	{"ram_available: mem.available_share warn < 10 clear 15 crit < 5 clear 10 for 10s down 5m", "memory that is available"},
	{"memory_stall: psi.memory_full avg 1m warn > 10 clear 5 down 5m", "time that everything waited for memory"},
	{"oom_kill: mem.oom_kills sum 30m warn > 0", "{v} processes killed for want of memory in 30 minutes"},
	{"used_swap: swap.used_share avg 1m warn > 80 clear 70 crit > 90 clear 80 down 15m", "swap in use"},
	{"disk_space_usage: space.*.used warn > 90 clear 80 crit > 98 clear 90 for 1m down 15m", "space used on"},
	{"out_of_disk_space_time: space.*.hours warn < 8 clear 48 crit < 2 clear 24 for 5m down 15m", "{s} will be full in {v}"},
	{"disk_inode_usage: space.*.inodes warn > 90 clear 80 crit > 98 clear 90 for 1m down 15m", "inodes used on"},
	{"10min_disk_utilization: disk.*.util avg 10m warn > 98 clear 70 down 15m", "time busy, average of 10 minutes, of disk"},
	{"1m_tcp_accept_queue_overflows: tcp.listen_overflows avg 1m warn > 1 clear 0.2 crit > 5 clear 1 down 5m", "{v} connections a second lost to full accept queues"},
	{"1m_tcp_accept_queue_drops: tcp.listen_drops avg 1m warn > 1 clear 0.2 crit > 5 clear 1 down 5m", "{v} connections a second dropped before accept"},
	{"tcp_retransmits: tcp.retrans avg 5m warn > 5 clear 2 down 10m", "TCP segments sent again, average of 5 minutes"},
	{"packets_dropped_ratio: net.*.drop_share avg 10m warn > 2 clear 0.5 down 30m", "{v} of packets dropped in 10 minutes by interface {s}"},
	{"interface_errors: net.*.errors sum 10m warn > 5 down 30m", "{v} errors in 10 minutes of interface {s}"},
	{"file_descriptors: fd.share warn > 80 clear 70 crit > 95 clear 85 for 10s down 5m", "open files, of the kernel's limit"},
	{"conntrack_usage: conntrack.share warn > 80 clear 70 crit > 95 clear 85 for 10s down 5m", "connection tracking table"},
	{"cgroup_ram_in_use: container.*.memory_share warn > 90 clear 80 crit > 98 clear 90 for 30s down 15m", "memory, of its limit, of container"},
	{"cgroup_10min_cpu_usage: container.*.cpu_share avg 10m warn > 95 clear 85 down 15m", "CPU, of its limit, average of 10 minutes, of container"},
	{"cgroup_oom_kill: container.*.oom_kills sum 10m warn > 0", "{v} processes killed for want of memory in container {s}"},
	{"temperature: temp.* avg 1m warn > 90 clear 80 crit > 100 clear 90 down 5m", "{s} is at {v}"},
	{"system_clock_sync_state: clock.synced warn < 1 for 17m", "the clock follows no time server{}"},

	{"no_leader: raft.has_leader crit < 1 for 2s", "the stores have no leader{}"},
	{"leader_flapping: raft.leader_changes sum 10m warn > 2 clear 1", "{v} changes of leader in 10 minutes"},
	{"quorum_at_risk: raft.margin warn < 1 crit < 0 for 5s", "{v} more stores may fail before writing stops"},
	{"follower_lag: store.*.lag min 30s warn > 10000 clear 1000 down 1m", "store {s} lags {v} entries behind"},
	{"slow_fsync: store.*.p99 avg 1m warn > 100 clear 50 crit > 500 clear 200 down 5m", "log syncs of store {s} take {v} (p99)"},
	{"node_dead: nodes.dead warn > 0 for 5s", "{v} of the cluster's processes do not answer"},
	{"clock_skew: node.*.skew min 1m warn > 500 clear 250 down 5m", "clock of node {s} is {v} off"},
	{"backend_down: backend.*.up warn < 1 for 3s", "backend {s} is down"},
	{"all_backends_down: backends.up crit < 1 for 1s", "no backend is up{}"},
	{"error_rate: requests.error_share avg 1m warn > 1 clear 0.5 crit > 5 clear 2 down 1m", "{v} of requests answered 5xx, average of a minute"},
	{"latency_p99: latency.p99 min 1m warn > 1000 clear 500 crit > 5000 clear 2000 down 1m", "requests take {v} (p99)"},
	{"maxconn_near: proxy.*.connection_share warn > 80 clear 70 crit > 95 clear 85 for 10s down 1m", "proxy {s} has {v} of its connections in use"},
	{"requests_queue: requests.queue min 30s warn > 0 down 30s", "{v} requests wait for a free slot"},
}

// Defaults returns the rules that hold unless somebody changes them.
func Defaults() []Rule {
	rules := make([]Rule, 0, len(defaults))
	for _, d := range defaults {
		r, err := Parse(d.line)
		if err != nil {
			panic(fmt.Sprintf("rule %q: %v", d.line, err)) // any test finds it
		}
		rules = append(rules, r)
	}
	return rules
}

// about tells what a rule's value is, for people.
func about(rule, series string) string {
	for i := range defaults {
		if d := &defaults[i]; len(d.line) > len(rule) && d.line[:len(rule)] == rule && d.line[len(rule)] == ':' {
			return d.about
		}
	}
	return series
}

// With returns the rules of base with own laid over: a rule of the same name takes
// the place of the old one, or switches it off, the others follow.
func With(base, own []Rule) []Rule {
	var out []Rule
	place := map[string]int{}
	for _, list := range [...][]Rule{base, own} {
		for _, r := range list {
			if i, ok := place[r.Name]; ok {
				out[i] = r
				continue
			}
			place[r.Name] = len(out)
			out = append(out, r)
		}
	}
	kept := out[:0]
	for _, r := range out {
		if !r.Off {
			kept = append(kept, r)
		}
	}
	return kept
}
