package record

import "pingd/monitor/host/pressure"

// pressure records the share of the time in percent.
func (r *Recorder) pressure(o, n *pressure.All, dt float64, prefix ...string) {
	one := func(o, n pressure.Stall, name, full string) {
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
	if o.IRQ.Known && n.IRQ.Known {
		r.stall(100*rate(o.IRQ.Full, n.IRQ.Full, dt)/1e6, prefix, "irq")
	}
}

func (r *Recorder) stall(v float64, prefix []string, name string) {
	v = min(v, 100) // the kernel updates totals in lumps that may straddle a second
	switch len(prefix) {
	case 1:
		r.Put(v, prefix[0], name)
	case 2:
		r.Put(v, prefix[0], prefix[1], "psi_"+name)
	}
}
