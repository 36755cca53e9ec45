package board

import (
	"strings"
	"time"

	"pingd/monitor/cluster"
)

// Host sums this machine up as other monitors show it, from the newest second.
func (b *Board) Host() cluster.Host {
	v := func(name string) float64 { f, _ := b.History.Value(name); return f }
	_, newest := b.History.Bounds()
	m := b.Machine()
	h := cluster.Host{
		Name: b.Name, Time: time.Unix(newest, 0).UTC(), Alive: true, Cores: m.Inventory.Cores,
		CPU: v("cpu.busy") / 100, Iowait: v("cpu.iowait") / 100, Steal: v("cpu.steal") / 100, Load1: v("load.1"),
		Memory: uint64(v("mem.used")), MemoryMax: uint64(v("mem.total")), Swap: uint64(v("swap.used")),
		PSICPU: v("psi.cpu") / 100, PSIMemory: v("psi.memory") / 100, PSIIO: v("psi.io") / 100,
		DiskUtil: v("disk.util") / 100, DiskAwait: v("disk.await"),
		Rx: v("net.rx"), Tx: v("net.tx"), Retrans: v("tcp.retrans") / 100,
	}
	for i := range m.Spaces {
		if s := &m.Spaces[i]; !strings.HasPrefix(s.Mount, "/boot") {
			h.Space = max(h.Space, s.Used())
		}
	}
	return h
}
