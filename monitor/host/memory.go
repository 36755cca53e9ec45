package host

import "pingd/monitor/host/scan"

// Memory is /proc/meminfo in bytes. A field this kernel does not print is zero.
type Memory struct {
	Total, Free, Available, Buffers, Cached        uint64
	Slab, Reclaimable, Dirty, Writeback, AnonPages uint64
	Shmem, SwapTotal, SwapFree, SwapCached         uint64
	Committed, HugeTotal, HugeFree                 uint64 // the last two in pages
}

// Used is what programs hold and can not be given back without swapping.
func (m *Memory) Used() uint64 {
	if m.Available > m.Total {
		return 0
	}
	return m.Total - m.Available
}

// ParseMemory fills m from the bytes of /proc/meminfo.
func ParseMemory(b []byte, m *Memory) {
	*m = Memory{}
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		key, rest := scan.Field(line)
		to := m.field(key)
		if to == nil {
			continue
		}
		n, unit := scan.NextNumber(rest)
		if u, _ := scan.Field(unit); string(u) == "kB" && n < 1<<54 {
			n *= 1024
		}
		*to = n
	}
}

func (m *Memory) field(key []byte) *uint64 {
	switch string(key) {
	case "MemTotal:":
		return &m.Total
	case "MemFree:":
		return &m.Free
	case "MemAvailable:":
		return &m.Available
	case "Buffers:":
		return &m.Buffers
	case "Cached:":
		return &m.Cached
	case "Slab:":
		return &m.Slab
	case "SReclaimable:":
		return &m.Reclaimable
	case "Dirty:":
		return &m.Dirty
	case "Writeback:":
		return &m.Writeback
	case "AnonPages:":
		return &m.AnonPages
	case "Shmem:":
		return &m.Shmem
	case "SwapTotal:":
		return &m.SwapTotal
	case "SwapFree:":
		return &m.SwapFree
	case "SwapCached:":
		return &m.SwapCached
	case "Committed_AS:":
		return &m.Committed
	case "HugePages_Total:":
		return &m.HugeTotal
	case "HugePages_Free:":
		return &m.HugeFree
	}
	return nil
}

// VM holds the counters of /proc/vmstat that tell of trouble.
type VM struct {
	SwapIn, SwapOut uint64 // pages since boot
	Faults          uint64 // page faults since boot
	MajorFaults     uint64 // page faults that had to read a disk
	OOMKills        uint64 // processes killed for want of memory
}

// ParseVM fills v from the bytes of /proc/vmstat.
func ParseVM(b []byte, v *VM) {
	*v = VM{}
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		key, rest := scan.Field(line)
		var to *uint64
		switch string(key) {
		case "pswpin":
			to = &v.SwapIn
		case "pswpout":
			to = &v.SwapOut
		case "pgfault":
			to = &v.Faults
		case "pgmajfault":
			to = &v.MajorFaults
		case "oom_kill":
			to = &v.OOMKills
		default:
			continue
		}
		*to, _ = scan.NextNumber(rest)
	}
}
