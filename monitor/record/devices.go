package record

import "pingd/monitor/host"

func (r *Recorder) disks(old, now *host.Sample, dt float64) {
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
		r.Put(rd, "disk", n.Name, "read")
		r.Put(wr, "disk", n.Name, "write")
		r.Put(rate(o.Reads, n.Reads, dt), "disk", n.Name, "read_ops")
		r.Put(rate(o.Writes, n.Writes, dt), "disk", n.Name, "write_ops")
		r.Put(busy, "disk", n.Name, "util")
		r.Put(wait, "disk", n.Name, "await")
		r.Put(float64(n.InFlight), "disk", n.Name, "queue")
		if n.Whole(now.Disks) {
			read, write = read+rd, write+wr
			util, await = max(util, busy), max(await, wait)
		}
	}
	r.Put(read, "disk.read")
	r.Put(write, "disk.write")
	r.Put(util, "disk.util")
	r.Put(await, "disk.await")
}

func (r *Recorder) network(old, now *host.Sample, dt float64) {
	var rx, tx float64
	for i := range now.Nets {
		n := &now.Nets[i]
		o := find(old.Nets, i, n.Name, func(n *host.Net) string { return n.Name })
		if o == nil || n.Paired() {
			continue
		}
		in, out := rate(o.RxBytes, n.RxBytes, dt), rate(o.TxBytes, n.TxBytes, dt)
		r.Put(in, "net", n.Name, "rx")
		r.Put(out, "net", n.Name, "tx")
		r.Put(rate(o.RxPackets, n.RxPackets, dt), "net", n.Name, "rx_packets")
		r.Put(rate(o.TxPackets, n.TxPackets, dt), "net", n.Name, "tx_packets")
		r.Put(rate(o.RxErrors+o.TxErrors, n.RxErrors+n.TxErrors, dt), "net", n.Name, "errors")
		drops := rate(o.RxDrops+o.TxDrops, n.RxDrops+n.TxDrops, dt)
		packets := rate(o.RxPackets+o.TxPackets, n.RxPackets+n.TxPackets, dt)
		r.Put(drops, "net", n.Name, "drops")
		r.Put(100*share(drops, drops+packets), "net", n.Name, "drop_share")
		if !n.Local() {
			rx, tx = rx+in, tx+out
		}
	}
	r.Put(rx, "net.rx")
	r.Put(tx, "net.tx")
	o, n := &old.TCP, &now.TCP
	r.Put(float64(n.Established), "tcp.established")
	r.Put(rate(o.ActiveOpens, n.ActiveOpens, dt), "tcp.active_opens")
	r.Put(rate(o.PassiveOpens, n.PassiveOpens, dt), "tcp.passive_opens")
	r.Put(100*share(rate(o.RetransSegs, n.RetransSegs, 1), rate(o.OutSegs, n.OutSegs, 1)), "tcp.retrans")
	r.Put(rate(o.OutRsts, n.OutRsts, dt), "tcp.resets")
	r.Put(rate(o.ListenOverflows, n.ListenOverflows, dt), "tcp.listen_overflows")
	r.Put(rate(o.ListenDrops, n.ListenDrops, dt), "tcp.listen_drops")
	r.Put(rate(o.Timeouts, n.Timeouts, dt), "tcp.timeouts")
	r.Put(float64(now.Sockets.InUse), "tcp.inuse")
	r.Put(float64(now.Sockets.TimeWait), "tcp.time_wait")
	r.Put(float64(now.Sockets.Orphan), "tcp.orphan")
	r.Put(4096*float64(now.Sockets.MemoryPages), "tcp.memory")
}
