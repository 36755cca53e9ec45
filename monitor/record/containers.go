package record

import (
	"pingd/monitor/host"
	"pingd/monitor/host/cgroup"
)

func (r *Recorder) containers(old, now *host.Sample, dt float64) {
	for i := range now.Containers {
		n := &now.Containers[i]
		o := find(old.Containers, i, n.ID, func(c *cgroup.Container) string { return c.ID })
		if o == nil {
			continue
		}
		id := ShortID(n.ID)
		const nano = 1e9
		cpu := rate(o.CPUNanos, n.CPUNanos, dt) / nano
		r.Put(100*cpu, "container", id, "cpu")
		if n.CPULimit > 0 {
			r.Put(100*cpu/n.CPULimit, "container", id, "cpu_share")
		}
		r.Put(100*rate(o.ThrottledNanos, n.ThrottledNanos, dt)/nano, "container", id, "throttled")
		r.Put(float64(n.WorkingSet()), "container", id, "memory")
		if n.MemoryLimit > 0 {
			r.Put(100*share(float64(n.WorkingSet()), float64(n.MemoryLimit)), "container", id, "memory_share")
		}
		r.Put(rate(o.ReadBytes, n.ReadBytes, dt), "container", id, "read")
		r.Put(rate(o.WriteBytes, n.WriteBytes, dt), "container", id, "write")
		r.Put(float64(n.Processes), "container", id, "processes")
		r.Put(rate(o.OOMKills, n.OOMKills, 1), "container", id, "oom_kills")
		if n.NetKnown {
			r.Put(rate(o.RxBytes, n.RxBytes, dt), "container", id, "rx")
			r.Put(rate(o.TxBytes, n.TxBytes, dt), "container", id, "tx")
		}
		r.pressure(&o.Pressure, &n.Pressure, dt, "container", id)
	}
}

// ShortID is a container's id as people write it: its first 12 digits.
func ShortID(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}
