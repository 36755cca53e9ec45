package monitor

import "strings"

// Host sums the machine up as other monitors show it.
func (m *Monitor) Host() HostSample {
	v := func(name string) float64 { f, _ := m.ring.Value(name); return f }
	m.mu.RLock()
	h := HostSample{
		Name: m.cfg.Name, Time: m.now.Time, Alive: true, Cores: len(m.now.Stat.Cores),
		Load1: m.now.Load.One, Memory: m.now.Memory.Used(), MemoryMax: m.now.Memory.Total,
		Swap: m.now.Memory.SwapTotal - min(m.now.Memory.SwapFree, m.now.Memory.SwapTotal),
	}
	for _, s := range m.spaces {
		if !strings.HasPrefix(s.Mount, "/boot") {
			h.Space = max(h.Space, 1-share(float64(s.Avail), float64(s.Size)))
		}
	}
	m.mu.RUnlock()
	h.CPU, h.Iowait, h.Steal = v("cpu.busy")/100, v("cpu.iowait")/100, v("cpu.steal")/100
	h.PSICPU, h.PSIMemory, h.PSIIO = v("psi.cpu")/100, v("psi.memory")/100, v("psi.io")/100
	h.DiskUtil, h.DiskAwait = v("disk.util")/100, v("disk.await")
	h.Rx, h.Tx, h.Retrans = v("net.rx"), v("net.tx"), v("tcp.retrans")/100
	return h
}
