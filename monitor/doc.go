// Package monitor watches a host and the cluster it is part of: one page that
// says whether all is well, who leads, and what just happened.
//
// A Monitor samples its own host each second (package host), keeps the last hour
// in memory (package history), asks for the cluster's state each second through
// Config.Cluster, derives events from what changed, and answers:
//
//	/                    the page; plain text for curl and Accept: text/plain
//	/api/v1/stream       Server-Sent Events: "hello" with the past, then a tick a second
//	/api/v1/now          newest value of each series        ?name=cpu.*,mem.used
//	/api/v1/series       a stretch of time                  ?name=&from=-300&to=0&step=|points=&minmax=1&format=csv
//	/api/v1/names        names of the series                ?name=disk.*
//	/api/v1/cluster      ClusterState as last heard of
//	/api/v1/events       []Event, oldest first              ?since=ID
//	/api/v1/details      processes, file systems, containers, inventory, warnings
//	/api/v1/host         HostSample: this machine in brief, for other monitors
//	/api/v1/status       Status of the monitor itself
//
// Everything is read only; answers are JSON unless said otherwise. Times are RFC
// 3339, or unix seconds where a number; from and to at or below zero count from
// the newest sample. In /series a step without a value is null.
//
// Series are named by dotted words and hold values ready to be shown: percent,
// bytes, or something a second.
//
//	cpu.busy .user .nice .system .irq .iowait .steal, cpu.core.N            %
//	load.1 .5 .15   procs.running .blocked .count .switches .interrupts .forks
//	psi.cpu .memory .memory_full .io .io_full                              % of time
//	mem.total .used .available .free .buffers .cached .slab .dirty .anon   bytes
//	swap.total .used .in .out   mem.major_faults .oom_kills   fd.open
//	disk.read .write (bytes/s) .util (%) .await (ms), disk.<device>.*
//	net.rx .tx (bytes/s), net.<interface>.rx .tx .rx_packets .errors .drops
//	tcp.established .retrans (%) .listen_overflows .time_wait ...
//	container.<id>.cpu (% of a core) .throttled .memory .read .write .rx .tx .psi_*
//	requests.rate .errors .error_share (%) .retries .2xx ..., latency.p50 .p95 .p99 (ms)
//	backend.<name>.requests .errors .current .p50 ..., proxy.<name>.requests
//	visits.rate .batches, counter.<name>.visits
//	raft.commits .commands .writes .term .has_leader, raft.fsync.p50 ..., store.<name>.lag .last_contact
//	host.<name>.cpu .iowait .memory ...
//
// Monitor is also a prometheus.Collector with node_exporter's and cAdvisor's
// names for host and containers.
package monitor
