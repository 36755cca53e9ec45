package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a fixture of /proc and /sys: path -> content, paths beginning with
// proc/ or sys/.
type tree map[string]string

// plant writes the tree into a new directory and returns its roots.
func (f tree) plant(t testing.TB) (proc, sys string) {
	t.Helper()
	dir := t.TempDir()
	for path, content := range f {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "proc"), filepath.Join(dir, "sys")
}

func (f tree) with(more tree) tree {
	all := tree{}
	for _, t := range [...]tree{f, more} {
		for k, v := range t {
			all[k] = v
		}
	}
	return all
}

const (
	dockerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	podID    = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

// machine is the /proc of a virtual machine with two cores, cpu 1 offline.
var machine = tree{
	"proc/stat": `cpu  1000 20 300 90000 40 5 6 7 50 0
cpu0 600 10 200 45000 20 3 4 5 30 0
cpu2 400 10 100 45000 20 2 2 2 20 0
intr 123456 9 8 7
ctxt 987654
btime 1700000000
processes 4321
procs_running 3
procs_blocked 1
softirq 777 1 2 3
a_line_of_tomorrow 12
`,
	"proc/loadavg": "0.52 1.05 12.00 2/345 6789\n",
	"proc/meminfo": `MemTotal:       16000000 kB
MemFree:         2000000 kB
MemAvailable:    9000000 kB
Buffers:          100000 kB
Cached:          6000000 kB
SwapCached:            4 kB
Dirty:               128 kB
AnonPages:       3000000 kB
Slab:             400000 kB
SReclaimable:     300000 kB
Shmem:             20000 kB
SwapTotal:       1000000 kB
SwapFree:         750000 kB
Committed_AS:    5000000 kB
HugePages_Total:       8
HugePages_Free:        3
`,
	"proc/vmstat": "nr_free_pages 1\npgfault 900\npgmajfault 12\npswpin 3\npswpout 4\noom_kill 2\n",
	"proc/diskstats": `   7       0 loop0 5 0 40 1 0 0 0 0 0 1 1
 254       0 vda 100 5 2048 30 200 6 4096 60 2 70 90 0 0 0 0
 254       1 vda1 90 5 2000 29 190 6 4000 59 0 69 88
 259       0 nvme0n1 10 0 80 5 20 0 160 6 0 7 11
 259       1 nvme0n1p1 9 0 72 4 19 0 152 5 0 6 9
   8       0 sda 0 0 0 0 0 0 0 0 0 0 0
`,
	"proc/1/net/dev": `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  eth0:336450072   12112    1    2    0     0          0         0   936644    8752    3    4    0     0       0          0
veth12:      10       1    0    0    0     0          0         0       20       2    0    0    0     0       0          0
`,
	"proc/1/net/snmp": `Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
Tcp: 1 200 120000 -1 74 2 7 0 5 12060 8755 33 1 6 0
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: 75 1 2 76 3 4 0 0 0
`,
	"proc/1/net/netstat": "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPTimeouts\nTcpExt: 0 11 12 13\nIpExt: InOctets\nIpExt: 5\n",
	"proc/1/net/sockstat": `sockets: used 33
TCP: inuse 4 orphan 1 tw 2 alloc 6 mem 403
UDP: inuse 3 mem 0
`,
	"proc/pressure/cpu":                         "some avg10=0.12 avg60=0.10 avg300=0.05 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	"proc/pressure/memory":                      "some avg10=0.00 avg60=0.00 avg300=0.00 total=10\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n",
	"proc/pressure/io":                          "some avg10=1.00 avg60=0.00 avg300=0.00 total=2000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n",
	"proc/sys/fs/file-nr":                       "1984\t0\t9223372036854775807\n",
	"proc/sys/net/netfilter/nf_conntrack_count": "17\n",
	"proc/sys/net/netfilter/nf_conntrack_max":   "65536\n",
	"proc/sys/kernel/random/entropy_avail":      "256\n",
}

// unified is a machine with cgroup v2 and the systemd driver, one Docker
// container with limits and one pod.
var unified = machine.with(tree{
	"sys/fs/cgroup/cgroup.controllers":                                        "cpu io memory pids\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/cpu.stat":       "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 100\nnr_throttled 7\nthrottled_usec 400000\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/cpu.max":        "150000 100000\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/memory.current": "104857600\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/memory.max":     "268435456\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/memory.stat":    "anon 50000000\nfile 40000000\ninactive_file 4857600\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/memory.events":  "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/io.stat":        "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n259:0 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/pids.current":   "12\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/cpu.pressure":   "some avg10=0.00 avg60=0.00 avg300=0.00 total=55\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
	"sys/fs/cgroup/system.slice/docker-" + dockerID + ".scope/cgroup.procs":   "4242\n4243\n",
	"proc/4242/net/dev": "h\nh\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0: 1000 10 0 1 0 0 0 0 2000 20 0 2 0 0 0 0\n  eth1: 1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0\n",
	"sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice/pod1.slice/cri-containerd-" + podID + ".scope/cpu.stat":   "usage_usec 1\n",
	"sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice/pod1.slice/cri-containerd-" + podID + ".scope/cpu.max":    "max 100000\n",
	"sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice/pod1.slice/cri-containerd-" + podID + ".scope/memory.max": "max\n",
})

// legacy is a machine with cgroup v1 and the cgroupfs driver.
var legacy = machine.with(tree{
	"sys/fs/cgroup/cpuacct/docker/" + dockerID + "/cpuacct.usage":                 "5000000000\n",
	"sys/fs/cgroup/cpuacct/docker/" + dockerID + "/cpuacct.stat":                  "user 300\nsystem 200\n",
	"sys/fs/cgroup/cpu/docker/" + dockerID + "/cpu.stat":                          "nr_periods 100\nnr_throttled 7\nthrottled_time 400000000\n",
	"sys/fs/cgroup/cpu/docker/" + dockerID + "/cpu.cfs_quota_us":                  "150000\n",
	"sys/fs/cgroup/cpu/docker/" + dockerID + "/cpu.cfs_period_us":                 "100000\n",
	"sys/fs/cgroup/memory/docker/" + dockerID + "/memory.usage_in_bytes":          "104857600\n",
	"sys/fs/cgroup/memory/docker/" + dockerID + "/memory.limit_in_bytes":          "9223372036854771712\n",
	"sys/fs/cgroup/memory/docker/" + dockerID + "/memory.stat":                    "cache 1\nrss 2\ninactive_file 3\ntotal_cache 40000000\ntotal_rss 50000000\ntotal_inactive_file 4857600\n",
	"sys/fs/cgroup/memory/docker/" + dockerID + "/memory.oom_control":             "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
	"sys/fs/cgroup/blkio/docker/" + dockerID + "/blkio.throttle.io_service_bytes": "254:0 Read 4097\n254:0 Write 8194\n254:0 Sync 0\n254:0 Total 12291\nTotal 12291\n",
	"sys/fs/cgroup/pids/docker/" + dockerID + "/pids.current":                     "12\n",
	"sys/fs/cgroup/memory/docker/" + dockerID + "/cgroup.procs":                   "4242\n",
	"proc/4242/net/dev": "h\nh\n  eth0: 1001 10 0 1 0 0 0 0 2002 20 0 2 0 0 0 0\n",
})

// hybrid is legacy with a version 2 tree beside it that has pressure only.
var hybrid = legacy.with(tree{
	"sys/fs/cgroup/unified/cgroup.controllers":                   "\n",
	"sys/fs/cgroup/unified/docker/" + dockerID + "/cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=55\n",
})

// combined is legacy as older systemd mounts it: cpu and cpuacct in one.
var combined = func() tree {
	out := tree{}
	for path, content := range legacy {
		path = strings.Replace(path, "cgroup/cpu/", "cgroup/cpu,cpuacct/", 1)
		path = strings.Replace(path, "cgroup/cpuacct/", "cgroup/cpu,cpuacct/", 1)
		out[path] = content
	}
	// Where both controllers share a directory, so do their cpu.stat files.
	return out
}()
