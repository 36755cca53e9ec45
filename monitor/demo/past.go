package demo

import (
	"math"
	"time"

	"pingd/monitor/cluster"
	"pingd/monitor/history"
	"pingd/monitor/record"
)

// Past records the seconds from the story's begin up to now into a ring, with a
// made-up host, and returns the state at its end and the events on the way.
func (c *Cluster) Past(ring *history.Ring, now time.Time) (cluster.State, []cluster.Event) {
	var before cluster.State
	var events []cluster.Event
	var rec record.Recorder
	for t := c.start; t.Before(now); t = t.Add(time.Second) {
		next := cluster.Remember(before, c.At(t), t)
		rec.Begin(ring, t.Unix())
		rec.Cluster(&before, &next)
		c.host(&rec, float64(t.Unix()))
		rec.End()
		events = append(events, cluster.Events(before, next)...)
		before = next
	}
	return before, events
}

// host makes up the figures of this machine at second x.
func (c *Cluster) host(rec *record.Recorder, x float64) {
	r := c.rand.Float64
	busy := 38 + 12*math.Sin(x/40) + 6*r()
	for name, v := range map[string]float64{
		"cpu.user": busy * 0.6, "cpu.system": busy * 0.4, "cpu.iowait": 2 + 2*r(), "cpu.steal": 1, "cpu.irq": 0.5, "cpu.nice": 0, "cpu.busy": busy,
		"cpu.core.0": busy + 5*r(), "cpu.core.1": busy - 5*r(), "cpu.core.2": busy + 9*r(), "cpu.core.3": busy - 8*r(),
		"psi.cpu": 3 + 2*r(), "psi.io": 2 * r(), "psi.memory": 0, "psi.io_full": r(),
		"mem.used": 5.5e9 + 3e8*math.Sin(x/90), "mem.total": 1.6e10, "mem.cached": 3.2e9, "mem.available": 1e10, "swap.used": 0, "swap.total": 2e9,
		"disk.read": 4e5 * r(), "disk.write": 9e6 + 2e6*r(), "disk.util": 24 + 8*r(), "disk.await": 0.6 + 0.5*r(),
		"net.rx": 1.1e7 + 1e6*r(), "net.tx": 1.5e7 + 1e6*r(), "tcp.retrans": 0.1 * r(), "tcp.established": 480 + 20*r(), "tcp.time_wait": 70 + 9*r(),
		"load.1": 1.6 + r(), "load.5": 1.8, "load.15": 1.7, "procs.running": 2 + math.Floor(3*r()), "procs.blocked": 0, "procs.count": 212,
	} {
		rec.Put(v, name)
	}
}
