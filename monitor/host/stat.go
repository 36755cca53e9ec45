package host

import "pingd/monitor/host/scan"

// UserHZ is the unit of CPU times in /proc: ticks a second. It is 100 on every
// Linux architecture Go supports, whatever the kernel's own HZ.
const UserHZ = 100

// maxCores bounds what a malformed cpuN line can make ParseStat allocate.
const maxCores = 4096

// CPU holds the times of one core, or of all, since boot in ticks of 1/UserHZ s
// (proc(5), /proc/stat). Guest time is already part of User and Nice.
type CPU struct {
	User, Nice, System, Idle, Iowait, IRQ, SoftIRQ, Steal uint64
	Guest, GuestNice                                      uint64 // parts of User and Nice
}

// Total is the sum of all modes.
func (c CPU) Total() uint64 {
	return c.User + c.Nice + c.System + c.Idle + c.Iowait + c.IRQ + c.SoftIRQ + c.Steal
}

// Stat is /proc/stat. Cores is indexed by the kernel's CPU number; a core that
// is offline keeps zero times.
type Stat struct {
	Total     CPU
	Cores     []CPU
	Context   uint64 // context switches since boot
	Intr      uint64 // interrupts since boot
	Forks     uint64 // processes created since boot
	BootTime  uint64 // unix seconds
	Running   uint64 // runnable threads now
	Blocked   uint64 // threads waiting for a device now
	SoftIRQed uint64 // soft interrupts since boot
}

// ParseStat fills s from the bytes of /proc/stat, reusing s.Cores.
func ParseStat(b []byte, s *Stat) {
	cores := s.Cores[:0]
	*s = Stat{}
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		key, rest := scan.Field(line)
		switch {
		case len(key) >= 3 && string(key[:3]) == "cpu":
			if len(key) == 3 {
				s.Total = parseCPU(rest)
				continue
			}
			n := scan.Number(key[3:])
			if !scan.IsNumber(key[3:]) || n >= maxCores {
				continue
			}
			// Offline cores leave holes: the index must stay the kernel's number.
			for uint64(len(cores)) <= n {
				cores = scan.Grow(cores)
				cores[len(cores)-1] = CPU{}
			}
			cores[n] = parseCPU(rest)
		default:
			s.counter(key, rest)
		}
	}
	s.Cores = cores
}

func (s *Stat) counter(key, rest []byte) {
	var to *uint64
	switch string(key) {
	case "ctxt":
		to = &s.Context
	case "intr":
		to = &s.Intr
	case "softirq":
		to = &s.SoftIRQed
	case "processes":
		to = &s.Forks
	case "btime":
		to = &s.BootTime
	case "procs_running":
		to = &s.Running
	case "procs_blocked":
		to = &s.Blocked
	default:
		return
	}
	*to, _ = scan.NextNumber(rest)
}

func parseCPU(b []byte) (c CPU) {
	for _, to := range [...]*uint64{&c.User, &c.Nice, &c.System, &c.Idle, &c.Iowait, &c.IRQ, &c.SoftIRQ, &c.Steal, &c.Guest, &c.GuestNice} {
		*to, b = scan.NextNumber(b)
	}
	return c
}

// Load is /proc/loadavg: the run queue averaged over 1, 5 and 15 minutes.
type Load struct{ One, Five, Fifteen float64 }

// ParseLoad reads the bytes of /proc/loadavg.
func ParseLoad(b []byte) (l Load) {
	for _, to := range [...]*float64{&l.One, &l.Five, &l.Fifteen} {
		var f []byte
		f, b = scan.Field(b)
		*to = scan.Decimal(f)
	}
	return l
}
