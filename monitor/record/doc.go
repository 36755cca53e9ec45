// Package record turns samples into series: two samples of a host, or two states of
// a cluster, into one second's numbers, ready to be shown. It is pure, save that it
// writes into a history.
//
// Series are named by dotted words, and hold percent, bytes, or something a second.
// A part in angle brackets is a name from outside.
//
//	cpu.busy .user .nice .system .irq .iowait .steal, cpu.core.<n>              %
//	load.1 .5 .15 .15_share (% of the cores)   procs.running .blocked .count .switches .interrupts .forks
//	psi.cpu .memory .memory_full .io .io_full .irq                              % of time
//	mem.total .used .available .free .buffers .cached .slab .dirty .anon        bytes
//	mem.available_share swap.used_share                                         %
//	swap.total .used .in .out   mem.major_faults .oom_kills
//	fd.open .share   conntrack.entries .share   clock.offset (ms) .synced (0, 1)
//	disk.read .write (bytes/s) .util (%) .await (ms), and disk.<device>. of each
//	  device, with .read_ops .write_ops .queue
//	space.<mount>.used .inodes (%) .avail (bytes) .hours (until full)
//	net.rx .tx (bytes/s), net.<interface>.rx .tx .rx_packets .tx_packets .errors
//	  .drops .drop_share (%)
//	tcp.established .active_opens .passive_opens .retrans (%) .resets .timeouts
//	  .listen_overflows .listen_drops .inuse .time_wait .orphan .memory
//	temp.<chip>.<sensor>                                                        °C
//	container.<id>.cpu (% of a core) .cpu_share .memory_share (% of the limit)
//	  .throttled .memory .read .write .rx .tx .processes .oom_kills .psi_*
//	self.cpu (% of a core) .memory                                              this process
//
//	requests.rate .errors .error_share (%) .retries .redispatches .in .out .queue
//	  .connections .1xx ... .5xx   latency.p50 .p95 .p99 (ms)
//	backend.<name>.requests .errors .error_share .current .queue .retries .up .p50 ...
//	backends.up .down   proxy.<name>.requests .connections .connection_share (%)
//	visits.rate .batches .errors   counter.<name>.visits
//	raft.commits .commands .term .has_leader .leader_changes .alive .margin .lag
//	raft.fsync.p50 ...   store.<name>.lag .last_contact (ms) .commands .p50 ...
//	store.keys .clients   nodes.alive .dead   node.<name>.skew (ms)
//	host.<name>.cpu .iowait .steal .memory .psi_io .disk_util .space (%) .rx .tx
package record
