package record

import (
	"strconv"

	"pingd/monitor/host"
)

// Host records what changed from old to now. Samples at the same moment, or in the
// wrong order, say nothing.
func (r *Recorder) Host(old, now *host.Sample) {
	dt := now.Time.Sub(old.Time).Seconds()
	if dt <= 0 {
		return
	}
	r.cpu(old, now, dt)
	r.memory(old, now, dt)
	r.disks(old, now, dt)
	r.network(old, now, dt)
	r.containers(old, now, dt)
	r.limits(now)
}

func (r *Recorder) cpu(old, now *host.Sample, dt float64) {
	o, n := &old.Stat.Total, &now.Stat.Total
	total := rate(o.Total(), n.Total(), 1)
	pct := func(o, n uint64) float64 { return 100 * share(rate(o, n, 1), total) }
	user, nice := pct(o.User, n.User), pct(o.Nice, n.Nice)
	system, irq := pct(o.System, n.System), pct(o.IRQ+o.SoftIRQ, n.IRQ+n.SoftIRQ)
	steal := pct(o.Steal, n.Steal)
	r.Put(user, "cpu.user")
	r.Put(nice, "cpu.nice")
	r.Put(system, "cpu.system")
	r.Put(irq, "cpu.irq")
	r.Put(pct(o.Iowait, n.Iowait), "cpu.iowait")
	r.Put(steal, "cpu.steal")
	r.Put(user+nice+system+irq+steal, "cpu.busy")
	for i := range min(len(old.Stat.Cores), len(now.Stat.Cores)) {
		o, n := &old.Stat.Cores[i], &now.Stat.Cores[i]
		all := rate(o.Total(), n.Total(), 1)
		idle := rate(o.Idle+o.Iowait, n.Idle+n.Iowait, 1)
		r.Put(100*share(all-idle, all), "cpu.core", coreName(i))
	}
	r.Put(now.Load.One, "load.1")
	r.Put(now.Load.Five, "load.5")
	r.Put(now.Load.Fifteen, "load.15")
	if n := len(now.Stat.Cores); n > 0 {
		r.Put(100*now.Load.Fifteen/float64(n), "load.15_share")
	}
	r.Put(float64(now.Stat.Running), "procs.running")
	r.Put(float64(now.Stat.Blocked), "procs.blocked")
	r.Put(rate(old.Stat.Context, now.Stat.Context, dt), "procs.switches")
	r.Put(rate(old.Stat.Intr, now.Stat.Intr, dt), "procs.interrupts")
	r.Put(rate(old.Stat.Forks, now.Stat.Forks, dt), "procs.forks")
	r.pressure(&old.Pressure, &now.Pressure, dt, "psi")
}

func (r *Recorder) memory(old, now *host.Sample, dt float64) {
	m := &now.Memory
	r.Put(float64(m.Total), "mem.total")
	r.Put(float64(m.Used()), "mem.used")
	r.Put(float64(m.Available), "mem.available")
	r.Put(float64(m.Free), "mem.free")
	r.Put(float64(m.Buffers), "mem.buffers")
	r.Put(float64(m.Cached), "mem.cached")
	r.Put(float64(m.Slab), "mem.slab")
	r.Put(float64(m.Dirty), "mem.dirty")
	r.Put(float64(m.AnonPages), "mem.anon")
	r.Put(100*share(float64(m.Available), float64(m.Total)), "mem.available_share")
	r.Put(float64(m.SwapTotal), "swap.total")
	if m.SwapTotal > 0 {
		r.Put(100*share(float64(m.SwapTotal-min(m.SwapFree, m.SwapTotal)), float64(m.SwapTotal)), "swap.used_share")
	}
	r.Put(float64(m.SwapTotal-min(m.SwapFree, m.SwapTotal)), "swap.used")
	r.Put(4096*rate(old.VM.SwapIn, now.VM.SwapIn, dt), "swap.in")
	r.Put(4096*rate(old.VM.SwapOut, now.VM.SwapOut, dt), "swap.out")
	r.Put(rate(old.VM.MajorFaults, now.VM.MajorFaults, dt), "mem.major_faults")
	r.Put(rate(old.VM.OOMKills, now.VM.OOMKills, 1), "mem.oom_kills")
}

// limits records the tables of the kernel that can run full, and its clock.
func (r *Recorder) limits(now *host.Sample) {
	l, c := &now.Limits, &now.Clock
	r.Put(float64(l.Files), "fd.open")
	r.Put(100*share(float64(l.Files), float64(l.FilesMax)), "fd.share")
	if l.ConntrackMax > 0 {
		r.Put(float64(l.Conntrack), "conntrack.entries")
		r.Put(100*share(float64(l.Conntrack), float64(l.ConntrackMax)), "conntrack.share")
	}
	if c.Known {
		r.Put(1000*c.Offset, "clock.offset")
		r.Put(truth(c.Synced), "clock.synced")
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
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
