package cgroup

import (
	"pingd/monitor/host/pressure"
	"pingd/monitor/host/scan"
)

// The parsers below each take one cgroup file. Files of version 2 follow
// Documentation/admin-guide/cgroup-v2.rst, those of version 1 cgroup-v1/.

// groupFile says how one file of a container's cgroup is read.
type groupFile struct {
	controller string // version 1 hierarchy; empty in version 2
	name       string
	parse      func([]byte, *Container)
}

var files2 = []groupFile{
	{"", "cpu.stat", parseCPU2},
	{"", "cpu.max", parseCPUMax2},
	{"", "memory.current", func(b []byte, c *Container) { c.Memory = scan.Number(b) }},
	{"", "memory.max", func(b []byte, c *Container) { c.MemoryLimit = limit(b) }},
	{"", "memory.stat", parseMemoryStat},
	{"", "memory.events", parseMemoryEvents2},
	{"", "io.stat", parseIO2},
	{"", "pids.current", func(b []byte, c *Container) { c.Processes = scan.Number(b) }},
	{"", "cpu.pressure", func(b []byte, c *Container) { c.Pressure.CPU = pressure.Parse(b) }},
	{"", "memory.pressure", func(b []byte, c *Container) { c.Pressure.Memory = pressure.Parse(b) }},
	{"", "io.pressure", func(b []byte, c *Container) { c.Pressure.IO = pressure.Parse(b) }},
}

// filesHybrid are what an otherwise empty version 2 tree still gives where the
// controllers live in version 1.
var filesHybrid = files2[len(files2)-3:]

var files1 = []groupFile{
	{"cpuacct", "cpuacct.usage", func(b []byte, c *Container) { c.CPUNanos = scan.Number(b) }},
	{"cpuacct", "cpuacct.stat", parseCPUStat1},
	{"cpu", "cpu.stat", parseThrottle1},
	{"cpu", "cpu.cfs_quota_us", parseQuota1},
	{"cpu", "cpu.cfs_period_us", parsePeriod1},
	{"memory", "memory.usage_in_bytes", func(b []byte, c *Container) { c.Memory = scan.Number(b) }},
	{"memory", "memory.limit_in_bytes", func(b []byte, c *Container) { c.MemoryLimit = limit(b) }},
	{"memory", "memory.stat", parseMemoryStat},
	{"memory", "memory.oom_control", parseMemoryEvents2}, // same "oom_kill n" line
	{"blkio", "blkio.throttle.io_service_bytes", parseIO1},
	{"pids", "pids.current", func(b []byte, c *Container) { c.Processes = scan.Number(b) }},
}

// userHZ is the unit of cpuacct.stat: ticks a second, 100 on every architecture.
const userHZ = 100

// each calls fn for each line "key value" of b.
func each(b []byte, fn func(key []byte, n uint64, c *Container), c *Container) {
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		key, rest := scan.Field(line)
		n, _ := scan.NextNumber(rest)
		fn(key, n, c)
	}
}

// limit reads a limit: "max" or a number beyond any machine is none, 0.
func limit(b []byte) uint64 {
	if n := scan.Number(b); n < unlimited {
		return n
	}
	return 0
}

func parseCPU2(b []byte, c *Container) {
	each(b, func(key []byte, n uint64, c *Container) {
		switch string(key) {
		case "usage_usec":
			c.CPUNanos = n * 1000
		case "user_usec":
			c.UserNanos = n * 1000
		case "system_usec":
			c.SystemNanos = n * 1000
		case "nr_periods":
			c.Periods = n
		case "nr_throttled":
			c.ThrottledPeriods = n
		case "throttled_usec":
			c.ThrottledNanos = n * 1000
		}
	}, c)
}

func parseCPUMax2(b []byte, c *Container) {
	line, _ := scan.Line(b)
	quota, rest := scan.Field(line)
	period, _ := scan.NextNumber(rest)
	if scan.IsNumber(quota) && period > 0 {
		c.CPULimit = float64(scan.Number(quota)) / float64(period)
	}
}

// parseMemoryStat reads memory.stat of both versions; in version 1 only the
// total_ lines count the groups below, as version 2 always does.
func parseMemoryStat(b []byte, c *Container) {
	each(b, func(key []byte, n uint64, c *Container) {
		switch string(key) {
		case "anon", "total_rss":
			c.RSS = n
		case "file", "total_cache":
			c.Cache = n
		case "inactive_file", "total_inactive_file":
			c.Inactive = n
		}
	}, c)
}

func parseMemoryEvents2(b []byte, c *Container) {
	each(b, func(key []byte, n uint64, c *Container) {
		if string(key) == "oom_kill" {
			c.OOMKills = n
		}
	}, c)
}

// parseIO2 sums io.stat over devices: "254:0 rbytes=1 wbytes=2 ...".
func parseIO2(b []byte, c *Container) {
	for len(b) > 0 {
		var line, f []byte
		line, b = scan.Line(b)
		for f, line = scan.Field(line); len(f) > 0; f, line = scan.Field(line) {
			switch {
			case scan.HasPrefix(f, "rbytes="):
				c.ReadBytes += scan.Number(f[7:])
			case scan.HasPrefix(f, "wbytes="):
				c.WriteBytes += scan.Number(f[7:])
			}
		}
	}
}

func parseCPUStat1(b []byte, c *Container) {
	each(b, func(key []byte, n uint64, c *Container) {
		switch string(key) {
		case "user":
			c.UserNanos = n * (1e9 / userHZ)
		case "system":
			c.SystemNanos = n * (1e9 / userHZ)
		}
	}, c)
}

func parseThrottle1(b []byte, c *Container) {
	each(b, func(key []byte, n uint64, c *Container) {
		switch string(key) {
		case "nr_periods":
			c.Periods = n
		case "nr_throttled":
			c.ThrottledPeriods = n
		case "throttled_time":
			c.ThrottledNanos = n
		}
	}, c)
}

// parseQuota1 leaves the quota in CPULimit; parsePeriod1, read right after it,
// divides. A quota of -1 is none, and number reads it as 0.
func parseQuota1(b []byte, c *Container) { c.CPULimit = float64(scan.Number(b)) }

func parsePeriod1(b []byte, c *Container) {
	if period := scan.Number(b); period > 0 {
		c.CPULimit /= float64(period)
	}
}

// parseIO1 sums "254:0 Read 4096" lines; the file ends with a Total line.
func parseIO1(b []byte, c *Container) {
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		_, rest := scan.Field(line)
		op, rest := scan.Field(rest)
		n, _ := scan.NextNumber(rest)
		switch string(op) {
		case "Read":
			c.ReadBytes += n
		case "Write":
			c.WriteBytes += n
		}
	}
}

// parseNet sums the interfaces of a container's /proc/<pid>/net/dev,
// its loopback left out.
func parseNet(b []byte, c *Container) {
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		name, rest, ok := scan.Colon(line)
		if !ok || len(name) == 0 || string(name) == "lo" {
			continue
		}
		var rx, tx, rxDrop, txDrop, skip uint64
		for _, f := range [...]*uint64{
			&rx, &skip, &skip, &rxDrop, &skip, &skip, &skip, &skip, &tx, &skip, &skip, &txDrop,
		} {
			*f, rest = scan.NextNumber(rest)
		}
		c.RxBytes += rx
		c.TxBytes += tx
		c.RxDrops += rxDrop
		c.TxDrops += txDrop
	}
	c.NetKnown = true
}
