package host

import (
	"path/filepath"
	"time"
)

const (
	firstBuffer = 16 << 10
	// maxFile bounds one file; the largest real one, /proc/stat on a machine of
	// hundreds of cores, is well below.
	maxFile = 4 << 20
	// rescan is how often, in samples, the cgroup tree is walked for new
	// containers and missing files are tried again.
	rescan = 3
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
	Pressure   Pressure
	Limits     Limits
	Containers []Container
}

// Sampler reads Samples. Create it with NewSampler. Not for concurrent use.
type Sampler struct {
	sources []hostSource
	cgroups *cgroups
	buf     []byte
	reads   int
}

// hostSource is one file and the part of a Sample it fills.
type hostSource struct {
	path     string
	file     file
	open     bool
	optional bool // its absence is normal and needs no warning
	loss     string
	parse    func([]byte, *Sample)
}

// NewSampler makes a Sampler for the trees mounted at proc and sys, usually
// "/proc" and "/sys". It opens nothing yet: files that are missing or forbidden
// leave their part of each Sample zero and show up in Warnings.
func NewSampler(proc, sys string) *Sampler {
	at := func(parts ...string) string { return filepath.Join(append([]string{proc}, parts...)...) }
	must := func(path, loss string, parse func([]byte, *Sample)) hostSource {
		return hostSource{path: path, loss: loss, parse: parse}
	}
	may := func(path string, parse func([]byte, *Sample)) hostSource {
		return hostSource{path: path, optional: true, parse: parse}
	}
	s := &Sampler{buf: make([]byte, firstBuffer), cgroups: newCgroups(proc, sys)}
	s.sources = []hostSource{
		must(at("stat"), "no CPU figures", func(b []byte, s *Sample) { ParseStat(b, &s.Stat) }),
		must(at("loadavg"), "no load", func(b []byte, s *Sample) { s.Load = ParseLoad(b) }),
		must(at("meminfo"), "no memory figures", func(b []byte, s *Sample) { ParseMemory(b, &s.Memory) }),
		must(at("vmstat"), "no swap and OOM counters", func(b []byte, s *Sample) { ParseVM(b, &s.VM) }),
		must(at("diskstats"), "no disk figures", func(b []byte, s *Sample) { s.Disks = ParseDisks(b, s.Disks) }),
		must(at("1", "net", "dev"), "no network figures", func(b []byte, s *Sample) { s.Nets = ParseNets(b, s.Nets) }),
		must(at("1", "net", "snmp"), "no TCP figures", func(b []byte, s *Sample) { ParseTCP(b, &s.TCP) }),
		must(at("1", "net", "netstat"), "no TCP queue counters", func(b []byte, s *Sample) { ParseTCP(b, &s.TCP) }),
		must(at("1", "net", "sockstat"), "no socket counts", func(b []byte, s *Sample) { ParseSockets(b, &s.Sockets) }),
		must(at("pressure", "cpu"), "no pressure (PSI); kernel option psi=1 turns it on", func(b []byte, s *Sample) { s.Pressure.CPU = ParseStall(b) }),
		may(at("pressure", "memory"), func(b []byte, s *Sample) { s.Pressure.Memory = ParseStall(b) }),
		may(at("pressure", "io"), func(b []byte, s *Sample) { s.Pressure.IO = ParseStall(b) }),
		must(at("sys", "fs", "file-nr"), "no open file count", func(b []byte, s *Sample) { s.Limits.Files, s.Limits.FilesMax = ParseFiles(b) }),
		may(at("sys", "net", "netfilter", "nf_conntrack_count"), func(b []byte, s *Sample) { s.Limits.Conntrack = number(b) }),
		may(at("sys", "net", "netfilter", "nf_conntrack_max"), func(b []byte, s *Sample) { s.Limits.ConntrackMax = number(b) }),
		may(at("sys", "kernel", "random", "entropy_avail"), func(b []byte, s *Sample) { s.Limits.Entropy = number(b) }),
	}
	return s
}

// Read takes one sample at time now into to, whose slices it reuses. Once disks,
// interfaces and containers are stable it allocates nothing, except that each
// third call walks the cgroup tree.
func (s *Sampler) Read(now time.Time, to *Sample) {
	if s.reads%rescan == 0 {
		s.reopen()
		s.cgroups.scan()
	}
	s.reads++
	s.sample(now, to)
}

func (s *Sampler) sample(now time.Time, to *Sample) {
	to.Time = now
	to.TCP, to.Limits, to.Pressure = TCP{}, Limits{}, Pressure{}
	for i := range s.sources {
		src := &s.sources[i]
		if !src.open {
			continue
		}
		var data []byte
		var err error
		if s.buf, data, err = src.file.readAll(s.buf); err != nil {
			src.file.close()
			src.open = false
			continue
		}
		src.parse(data, to)
	}
	s.buf, to.Containers = s.cgroups.read(s.buf, to.Containers)
}

// reopen tries the files that are not open: a module loaded later brings its own.
func (s *Sampler) reopen() {
	for i := range s.sources {
		src := &s.sources[i]
		if src.open {
			continue
		}
		if f, err := openFile(src.path); err == nil {
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
	if s.cgroups.mode == CgroupNone {
		w = append(w, s.cgroups.root+" has no cgroup tree: no containers")
	}
	return w
}

// Mode tells the layout of the machine's control groups.
func (s *Sampler) Mode() CgroupMode { return s.cgroups.mode }

// Close closes the files. The Sampler opens them again if it is read once more.
func (s *Sampler) Close() {
	for i := range s.sources {
		if s.sources[i].open {
			s.sources[i].file.close()
			s.sources[i].open = false
		}
	}
	s.cgroups.close()
	s.reads = 0
}
