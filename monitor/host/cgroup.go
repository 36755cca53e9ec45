package host

// The parsers below each take one cgroup file. Files of version 2 follow
// Documentation/admin-guide/cgroup-v2.rst, those of version 1 cgroup-v1/.

// cgroupFile says how one file of a container's cgroup is read.
type cgroupFile struct {
	controller string // version 1 hierarchy; empty in version 2
	name       string
	parse      func([]byte, *Container)
}

var cgroup2Files = []cgroupFile{
	{"", "cpu.stat", parseCPU2},
	{"", "cpu.max", parseCPUMax2},
	{"", "memory.current", func(b []byte, c *Container) { c.Memory = number(b) }},
	{"", "memory.max", func(b []byte, c *Container) { c.MemoryLimit = limit(b) }},
	{"", "memory.stat", parseMemoryStat},
	{"", "memory.events", parseMemoryEvents2},
	{"", "io.stat", parseIO2},
	{"", "pids.current", func(b []byte, c *Container) { c.Processes = number(b) }},
	{"", "cpu.pressure", func(b []byte, c *Container) { c.Pressure.CPU = ParseStall(b) }},
	{"", "memory.pressure", func(b []byte, c *Container) { c.Pressure.Memory = ParseStall(b) }},
	{"", "io.pressure", func(b []byte, c *Container) { c.Pressure.IO = ParseStall(b) }},
}

// hybridFiles are what an otherwise empty version 2 tree still gives where the
// controllers live in version 1.
var hybridFiles = cgroup2Files[len(cgroup2Files)-3:]

var cgroup1Files = []cgroupFile{
	{"cpuacct", "cpuacct.usage", func(b []byte, c *Container) { c.CPUNanos = number(b) }},
	{"cpuacct", "cpuacct.stat", parseCPUStat1},
	{"cpu", "cpu.stat", parseThrottle1},
	{"cpu", "cpu.cfs_quota_us", parseQuota1},
	{"cpu", "cpu.cfs_period_us", parsePeriod1},
	{"memory", "memory.usage_in_bytes", func(b []byte, c *Container) { c.Memory = number(b) }},
	{"memory", "memory.limit_in_bytes", func(b []byte, c *Container) { c.MemoryLimit = limit(b) }},
	{"memory", "memory.stat", parseMemoryStat},
	{"memory", "memory.oom_control", parseMemoryEvents2}, // same "oom_kill n" line
	{"blkio", "blkio.throttle.io_service_bytes", parseIO1},
	{"pids", "pids.current", func(b []byte, c *Container) { c.Processes = number(b) }},
}

// each calls fn for each line "key value" of b.
func each(b []byte, fn func(key []byte, n uint64, c *Container), c *Container) {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		key, rest := cutField(line)
		n, _ := cutNumber(rest)
		fn(key, n, c)
	}
}

// limit reads a limit: "max" or a number beyond any machine is none, 0.
func limit(b []byte) uint64 {
	if n := number(b); n < unlimited {
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
	line, _ := cutLine(b)
	quota, rest := cutField(line)
	period, _ := cutNumber(rest)
	if isNumber(quota) && period > 0 {
		c.CPULimit = float64(number(quota)) / float64(period)
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
		line, b = cutLine(b)
		for f, line = cutField(line); len(f) > 0; f, line = cutField(line) {
			switch {
			case hasPrefix(f, "rbytes="):
				c.ReadBytes += number(f[7:])
			case hasPrefix(f, "wbytes="):
				c.WriteBytes += number(f[7:])
			}
		}
	}
}

func parseCPUStat1(b []byte, c *Container) {
	each(b, func(key []byte, n uint64, c *Container) {
		switch string(key) {
		case "user":
			c.UserNanos = n * (1e9 / UserHZ)
		case "system":
			c.SystemNanos = n * (1e9 / UserHZ)
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
func parseQuota1(b []byte, c *Container) { c.CPULimit = float64(number(b)) }

func parsePeriod1(b []byte, c *Container) {
	if period := number(b); period > 0 {
		c.CPULimit /= float64(period)
	}
}

// parseIO1 sums "254:0 Read 4096" lines; the file ends with a Total line.
func parseIO1(b []byte, c *Container) {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		_, rest := cutField(line)
		op, rest := cutField(rest)
		n, _ := cutNumber(rest)
		switch string(op) {
		case "Read":
			c.ReadBytes += n
		case "Write":
			c.WriteBytes += n
		}
	}
}

// parseContainerNet sums the interfaces of a container's /proc/<pid>/net/dev,
// its loopback left out.
func parseContainerNet(b []byte, c *Container) {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		name, rest, ok := cutColon(line)
		if !ok || len(name) == 0 || string(name) == "lo" {
			continue
		}
		var rx, tx, rxDrop, txDrop, skip uint64
		for _, f := range [...]*uint64{
			&rx, &skip, &skip, &rxDrop, &skip, &skip, &skip, &skip, &tx, &skip, &skip, &txDrop,
		} {
			*f, rest = cutNumber(rest)
		}
		c.RxBytes += rx
		c.TxBytes += tx
		c.RxDrops += rxDrop
		c.TxDrops += txDrop
	}
	c.NetKnown = true
}
