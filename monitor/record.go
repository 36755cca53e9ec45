package monitor

import (
	"strconv"
	"time"

	"pingd/monitor/history"
	"pingd/monitor/host"
)

// recorder turns two samples into one second of series. It builds names in a
// buffer it keeps, so that recording costs no allocation. Not for concurrent use.
type recorder struct {
	w   history.Writer
	key []byte
}

// put stores v under the dotted name made of parts.
func (r *recorder) put(v float64, parts ...string) {
	r.key = r.key[:0]
	for i, p := range parts {
		if i > 0 {
			r.key = append(r.key, '.')
		}
		r.key = append(r.key, p...)
	}
	r.w.Put(r.key, v)
}

// rate is how much a counter grew a second. A counter that went back was reset
// (a device or process came anew): that gives no rate rather than a wild one.
func rate(old, now uint64, seconds float64) float64 {
	if now < old || seconds <= 0 {
		return 0
	}
	return float64(now-old) / seconds
}

// share is part/whole, 0 when there is no whole.
func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}

// host records what changed from old to now, seconds apart.
func (r *recorder) host(old, now *host.Sample) {
	dt := now.Time.Sub(old.Time).Seconds()
	if dt <= 0 {
		return
	}
	r.cpu(old, now, dt)
	r.memory(old, now, dt)
	r.disks(old, now, dt)
	r.network(old, now, dt)
	r.containers(old, now, dt)
}

func (r *recorder) cpu(old, now *host.Sample, dt float64) {
	o, n := &old.Stat.Total, &now.Stat.Total
	total := rate(o.Total(), n.Total(), 1)
	pct := func(o, n uint64) float64 { return 100 * share(rate(o, n, 1), total) }
	user, nice := pct(o.User, n.User), pct(o.Nice, n.Nice)
	system, irq := pct(o.System, n.System), pct(o.IRQ+o.SoftIRQ, n.IRQ+n.SoftIRQ)
	steal := pct(o.Steal, n.Steal)
	r.put(user, "cpu.user")
	r.put(nice, "cpu.nice")
	r.put(system, "cpu.system")
	r.put(irq, "cpu.irq")
	r.put(pct(o.Iowait, n.Iowait), "cpu.iowait")
	r.put(steal, "cpu.steal")
	r.put(user+nice+system+irq+steal, "cpu.busy")
	for i := range min(len(old.Stat.Cores), len(now.Stat.Cores)) {
		o, n := &old.Stat.Cores[i], &now.Stat.Cores[i]
		all := rate(o.Total(), n.Total(), 1)
		idle := rate(o.Idle+o.Iowait, n.Idle+n.Iowait, 1)
		r.put(100*share(all-idle, all), "cpu.core", coreName(i))
	}
	r.put(now.Load.One, "load.1")
	r.put(now.Load.Five, "load.5")
	r.put(now.Load.Fifteen, "load.15")
	r.put(float64(now.Stat.Running), "procs.running")
	r.put(float64(now.Stat.Blocked), "procs.blocked")
	r.put(rate(old.Stat.Context, now.Stat.Context, dt), "procs.switches")
	r.put(rate(old.Stat.Intr, now.Stat.Intr, dt), "procs.interrupts")
	r.put(rate(old.Stat.Forks, now.Stat.Forks, dt), "procs.forks")
	r.pressure(&old.Pressure, &now.Pressure, dt, "psi")
}

// coreNames saves an allocation for the machines there are.
var coreNames = func() (names [256]string) {
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}()

func coreName(i int) string {
	if i < len(coreNames) {
		return coreNames[i]
	}
	return strconv.Itoa(i)
}

// pressure records the share of the time in percent.
func (r *recorder) pressure(o, n *host.Pressure, dt float64, prefix ...string) {
	one := func(o, n host.Stall, name, full string) {
		if !o.Known || !n.Known {
			return
		}
		r.stall(100*rate(o.Some, n.Some, dt)/1e6, prefix, name)
		if full != "" {
			r.stall(100*rate(o.Full, n.Full, dt)/1e6, prefix, full)
		}
	}
	one(o.CPU, n.CPU, "cpu", "")
	one(o.Memory, n.Memory, "memory", "memory_full")
	one(o.IO, n.IO, "io", "io_full")
}

func (r *recorder) stall(v float64, prefix []string, name string) {
	v = min(v, 100) // the kernel updates totals in lumps that may straddle a second
	switch len(prefix) {
	case 1:
		r.put(v, prefix[0], name)
	case 2:
		r.put(v, prefix[0], prefix[1], "psi_"+name)
	}
}

func (r *recorder) memory(old, now *host.Sample, dt float64) {
	m := &now.Memory
	r.put(float64(m.Total), "mem.total")
	r.put(float64(m.Used()), "mem.used")
	r.put(float64(m.Available), "mem.available")
	r.put(float64(m.Free), "mem.free")
	r.put(float64(m.Buffers), "mem.buffers")
	r.put(float64(m.Cached), "mem.cached")
	r.put(float64(m.Slab), "mem.slab")
	r.put(float64(m.Dirty), "mem.dirty")
	r.put(float64(m.AnonPages), "mem.anon")
	r.put(float64(m.SwapTotal), "swap.total")
	r.put(float64(m.SwapTotal-min(m.SwapFree, m.SwapTotal)), "swap.used")
	r.put(4096*rate(old.VM.SwapIn, now.VM.SwapIn, dt), "swap.in")
	r.put(4096*rate(old.VM.SwapOut, now.VM.SwapOut, dt), "swap.out")
	r.put(rate(old.VM.MajorFaults, now.VM.MajorFaults, dt), "mem.major_faults")
	r.put(rate(old.VM.OOMKills, now.VM.OOMKills, 1), "mem.oom_kills")
	r.put(float64(now.Limits.Files), "fd.open")
	if now.Limits.ConntrackMax > 0 {
		r.put(float64(now.Limits.Conntrack), "conntrack.entries")
	}
}

func (r *recorder) disks(old, now *host.Sample, dt float64) {
	var read, write, util, await float64
	for i := range now.Disks {
		n := &now.Disks[i]
		o := find(old.Disks, i, n.Name, func(d *host.Disk) string { return d.Name })
		if o == nil {
			continue
		}
		rd := host.SectorSize * rate(o.ReadSectors, n.ReadSectors, dt)
		wr := host.SectorSize * rate(o.WriteSectors, n.WriteSectors, dt)
		busy := min(rate(o.BusyMS, n.BusyMS, dt)/10, 100)
		ops := rate(o.Reads, n.Reads, 1) + rate(o.Writes, n.Writes, 1)
		wait := share(rate(o.ReadMS, n.ReadMS, 1)+rate(o.WriteMS, n.WriteMS, 1), ops)
		r.put(rd, "disk", n.Name, "read")
		r.put(wr, "disk", n.Name, "write")
		r.put(rate(o.Reads, n.Reads, dt), "disk", n.Name, "read_ops")
		r.put(rate(o.Writes, n.Writes, dt), "disk", n.Name, "write_ops")
		r.put(busy, "disk", n.Name, "util")
		r.put(wait, "disk", n.Name, "await")
		r.put(float64(n.InFlight), "disk", n.Name, "queue")
		if n.Whole(now.Disks) {
			read, write = read+rd, write+wr
			util, await = max(util, busy), max(await, wait)
		}
	}
	r.put(read, "disk.read")
	r.put(write, "disk.write")
	r.put(util, "disk.util")
	r.put(await, "disk.await")
}

// find looks for name in list, at place i first: order seldom changes.
func find[T any](list []T, i int, name string, nameOf func(*T) string) *T {
	if i < len(list) && nameOf(&list[i]) == name {
		return &list[i]
	}
	for j := range list {
		if nameOf(&list[j]) == name {
			return &list[j]
		}
	}
	return nil
}

func (r *recorder) network(old, now *host.Sample, dt float64) {
	var rx, tx float64
	for i := range now.Nets {
		n := &now.Nets[i]
		o := find(old.Nets, i, n.Name, func(n *host.Net) string { return n.Name })
		if o == nil {
			continue
		}
		in, out := rate(o.RxBytes, n.RxBytes, dt), rate(o.TxBytes, n.TxBytes, dt)
		r.put(in, "net", n.Name, "rx")
		r.put(out, "net", n.Name, "tx")
		r.put(rate(o.RxPackets, n.RxPackets, dt), "net", n.Name, "rx_packets")
		r.put(rate(o.TxPackets, n.TxPackets, dt), "net", n.Name, "tx_packets")
		r.put(rate(o.RxErrors+o.TxErrors, n.RxErrors+n.TxErrors, dt), "net", n.Name, "errors")
		r.put(rate(o.RxDrops+o.TxDrops, n.RxDrops+n.TxDrops, dt), "net", n.Name, "drops")
		if !n.Local() {
			rx, tx = rx+in, tx+out
		}
	}
	r.put(rx, "net.rx")
	r.put(tx, "net.tx")
	o, n := &old.TCP, &now.TCP
	r.put(float64(n.Established), "tcp.established")
	r.put(rate(o.ActiveOpens, n.ActiveOpens, dt), "tcp.active_opens")
	r.put(rate(o.PassiveOpens, n.PassiveOpens, dt), "tcp.passive_opens")
	r.put(100*share(rate(o.RetransSegs, n.RetransSegs, 1), rate(o.OutSegs, n.OutSegs, 1)), "tcp.retrans")
	r.put(rate(o.OutRsts, n.OutRsts, dt), "tcp.resets")
	r.put(rate(o.ListenOverflows, n.ListenOverflows, dt), "tcp.listen_overflows")
	r.put(rate(o.ListenDrops, n.ListenDrops, dt), "tcp.listen_drops")
	r.put(rate(o.Timeouts, n.Timeouts, dt), "tcp.timeouts")
	r.put(float64(now.Sockets.InUse), "tcp.inuse")
	r.put(float64(now.Sockets.TimeWait), "tcp.time_wait")
	r.put(float64(now.Sockets.Orphan), "tcp.orphan")
	r.put(4096*float64(now.Sockets.MemoryPages), "tcp.memory")
}

func (r *recorder) containers(old, now *host.Sample, dt float64) {
	for i := range now.Containers {
		n := &now.Containers[i]
		o := find(old.Containers, i, n.ID, func(c *host.Container) string { return c.ID })
		if o == nil {
			continue
		}
		id := shortID(n.ID)
		r.put(100*rate(o.CPUNanos, n.CPUNanos, dt)/float64(time.Second), "container", id, "cpu")
		r.put(100*rate(o.ThrottledNanos, n.ThrottledNanos, dt)/float64(time.Second), "container", id, "throttled")
		r.put(float64(n.WorkingSet()), "container", id, "memory")
		r.put(rate(o.ReadBytes, n.ReadBytes, dt), "container", id, "read")
		r.put(rate(o.WriteBytes, n.WriteBytes, dt), "container", id, "write")
		r.put(float64(n.Processes), "container", id, "processes")
		if n.NetKnown {
			r.put(rate(o.RxBytes, n.RxBytes, dt), "container", id, "rx")
			r.put(rate(o.TxBytes, n.TxBytes, dt), "container", id, "tx")
		}
		r.pressure(&o.Pressure, &n.Pressure, dt, "container", id)
	}
}

// shortID is a container's id as people write it: its first 12 digits.
func shortID(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}
