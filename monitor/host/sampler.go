package host

import (
	"path/filepath"
	"time"

	"pingd/monitor/host/cgroup"
	"pingd/monitor/host/pressure"
	"pingd/monitor/host/scan"
)

const (
	firstBuffer = 16 << 10
	// retry is how often, in samples, missing files are tried again.
	retry = 30
)

// Sample is everything that is read each second, at one moment. The zero value
// is ready for Sampler.Read.
type Sample struct {
	Time       time.Time
	Stat       Stat
	Load       Load
	Memory     Memory
	VM         VM
	Disks      []Disk
	Nets       []Net
	TCP        TCP
	Sockets    Sockets
	Pressure   pressure.All
	Limits     Limits
	Clock      Clock
	Containers []cgroup.Container
}

// Sampler reads Samples. Create it with NewSampler. Not for concurrent use.
type Sampler struct {
	sources []source
	groups  *cgroup.Groups
	buf     []byte
	reads   int
}

// source is one file and the part of a Sample it fills.
type source struct {
	path     string
	file     scan.File
	open     bool
	optional bool // its absence is normal and needs no warning
	loss     string
	parse    func([]byte, *Sample)
}

// NewSampler makes a Sampler for the trees mounted at proc and sys, usually
// "/proc" and "/sys". It opens nothing yet: files that are missing or forbidden
// leave their part of each Sample zero and show up in Warnings.
func NewSampler(proc, sys string) *Sampler {
	return &Sampler{buf: make([]byte, firstBuffer), groups: cgroup.New(proc, sys), sources: sourcesOf(proc)}
}

// sourcesOf lists what is read each second. The network's files are those of
// process 1: <proc>/net would be that of whoever reads it.
func sourcesOf(proc string) []source {
	at := func(parts ...string) string { return filepath.Join(append([]string{proc}, parts...)...) }
	must := func(path, loss string, parse func([]byte, *Sample)) source {
		return source{path: path, loss: loss, parse: parse}
	}
	may := func(path string, parse func([]byte, *Sample)) source {
		return source{path: path, optional: true, parse: parse}
	}
	return []source{
		must(at("stat"), "no CPU figures", func(b []byte, s *Sample) { ParseStat(b, &s.Stat) }),
		must(at("loadavg"), "no load", func(b []byte, s *Sample) { s.Load = ParseLoad(b) }),
		must(at("meminfo"), "no memory figures", func(b []byte, s *Sample) { ParseMemory(b, &s.Memory) }),
		must(at("vmstat"), "no swap and OOM counters", func(b []byte, s *Sample) { ParseVM(b, &s.VM) }),
		must(at("diskstats"), "no disk figures", func(b []byte, s *Sample) { s.Disks = ParseDisks(b, s.Disks) }),
		must(at("1", "net", "dev"), "no network figures", func(b []byte, s *Sample) { s.Nets = ParseNets(b, s.Nets) }),
		must(at("1", "net", "snmp"), "no TCP figures", func(b []byte, s *Sample) { ParseTCP(b, &s.TCP) }),
		must(at("1", "net", "netstat"), "no TCP queue counters", func(b []byte, s *Sample) { ParseTCP(b, &s.TCP) }),
		must(at("1", "net", "sockstat"), "no socket counts", func(b []byte, s *Sample) { ParseSockets(b, &s.Sockets) }),
		must(at("pressure", "cpu"), "no pressure (PSI); kernel option psi=1 turns it on", func(b []byte, s *Sample) { s.Pressure.CPU = pressure.Parse(b) }),
		may(at("pressure", "memory"), func(b []byte, s *Sample) { s.Pressure.Memory = pressure.Parse(b) }),
		may(at("pressure", "io"), func(b []byte, s *Sample) { s.Pressure.IO = pressure.Parse(b) }),
		may(at("pressure", "irq"), func(b []byte, s *Sample) { s.Pressure.IRQ = pressure.Parse(b) }),
		must(at("sys", "fs", "file-nr"), "no open file count", func(b []byte, s *Sample) { s.Limits.Files, s.Limits.FilesMax = ParseFiles(b) }),
		may(at("sys", "net", "netfilter", "nf_conntrack_count"), func(b []byte, s *Sample) { s.Limits.Conntrack = scan.Number(b) }),
		may(at("sys", "net", "netfilter", "nf_conntrack_max"), func(b []byte, s *Sample) { s.Limits.ConntrackMax = scan.Number(b) }),
		may(at("sys", "kernel", "random", "entropy_avail"), func(b []byte, s *Sample) { s.Limits.Entropy = scan.Number(b) }),
	}
}

// Read takes one sample at time now into to, whose slices it reuses. Once disks,
// interfaces and containers are stable it allocates nothing, save that every half
// minute it looks for files and groups that it may have missed.
func (s *Sampler) Read(now time.Time, to *Sample) {
	if s.reads%retry == 0 {
		s.reopen()
	}
	s.reads++
	to.Time = now
	to.TCP, to.Limits, to.Pressure = TCP{}, Limits{}, pressure.All{}
	for i := range s.sources {
		src := &s.sources[i]
		if !src.open {
			continue
		}
		var data []byte
		var err error
		if s.buf, data, err = src.file.ReadAll(s.buf); err != nil {
			src.file.Close()
			src.open = false
			continue
		}
		src.parse(data, to)
	}
	readClock(&to.Clock)
	s.buf, to.Containers = s.groups.Read(s.buf, to.Containers)
}

// reopen tries the files that are not open: a module loaded later brings its own.
func (s *Sampler) reopen() {
	for i := range s.sources {
		src := &s.sources[i]
		if src.open {
			continue
		}
		if f, err := scan.Open(src.path); err == nil {
			src.file, src.open = f, true
		}
	}
}

// Warnings says, for people, what could not be read at the last Read and what
// is missing for it. Nil means that all is there.
func (s *Sampler) Warnings() []string {
	var w []string
	for _, src := range s.sources {
		if !src.open && !src.optional {
			w = append(w, src.path+" can not be read: "+src.loss)
		}
	}
	return append(w, s.groups.Warnings()...)
}

// Mode tells the layout of the machine's control groups.
func (s *Sampler) Mode() cgroup.Mode { return s.groups.Mode() }

// Close closes the files. The Sampler opens them again if it is read once more.
func (s *Sampler) Close() {
	for i := range s.sources {
		if s.sources[i].open {
			s.sources[i].file.Close()
			s.sources[i].open = false
		}
	}
	s.groups.Close()
	s.reads = 0
}
