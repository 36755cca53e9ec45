package export

import (
	"github.com/prometheus/client_golang/prometheus"

	"pingd/monitor/host"
)

// column is one metric of a list of devices: how to take it from an element.
type column[T any] struct {
	metric
	of func(*T) float64
}

// col makes a column; help texts are those of the exporters the names are from.
func col[T any](m metric, of func(*T) float64) column[T] { return column[T]{m, of} }

var diskColumns = []column[host.Disk]{
	col(counterOf("node_disk_reads_completed_total", "The total number of reads completed successfully.", "device"), func(d *host.Disk) float64 { return float64(d.Reads) }),
	col(counterOf("node_disk_writes_completed_total", "The total number of writes completed successfully.", "device"), func(d *host.Disk) float64 { return float64(d.Writes) }),
	col(counterOf("node_disk_read_bytes_total", "The total number of bytes read successfully.", "device"), func(d *host.Disk) float64 { return host.SectorSize * float64(d.ReadSectors) }),
	col(counterOf("node_disk_written_bytes_total", "The total number of bytes written successfully.", "device"), func(d *host.Disk) float64 { return host.SectorSize * float64(d.WriteSectors) }),
	col(counterOf("node_disk_read_time_seconds_total", "The total number of seconds spent by all reads.", "device"), func(d *host.Disk) float64 { return float64(d.ReadMS) / 1000 }),
	col(counterOf("node_disk_write_time_seconds_total", "This is the total number of seconds spent by all writes.", "device"), func(d *host.Disk) float64 { return float64(d.WriteMS) / 1000 }),
	col(counterOf("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", "device"), func(d *host.Disk) float64 { return float64(d.BusyMS) / 1000 }),
	col(counterOf("node_disk_io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os.", "device"), func(d *host.Disk) float64 { return float64(d.WeightedMS) / 1000 }),
	col(counterOf("node_disk_reads_merged_total", "The total number of reads merged.", "device"), func(d *host.Disk) float64 { return float64(d.ReadMerged) }),
	col(counterOf("node_disk_writes_merged_total", "The number of writes merged.", "device"), func(d *host.Disk) float64 { return float64(d.WriteMerged) }),
	col(gaugeOf("node_disk_io_now", "The number of I/Os currently in progress.", "device"), func(d *host.Disk) float64 { return float64(d.InFlight) }),
}

func collectDisks(ch chan<- prometheus.Metric, disks []host.Disk) {
	for i := range disks {
		for _, c := range diskColumns {
			c.emit(ch, c.of(&disks[i]), disks[i].Name)
		}
	}
}

func spaceGauge(name, help string) metric {
	return gaugeOf("node_filesystem_"+name, help, "device", "fstype", "mountpoint")
}

var spaceColumns = []column[host.Space]{
	col(spaceGauge("size_bytes", "Filesystem size in bytes."), func(s *host.Space) float64 { return float64(s.Size) }),
	col(spaceGauge("free_bytes", "Filesystem free space in bytes."), func(s *host.Space) float64 { return float64(s.Free) }),
	col(spaceGauge("avail_bytes", "Filesystem space available to non-root users in bytes."), func(s *host.Space) float64 { return float64(s.Avail) }),
	col(spaceGauge("files", "Filesystem total file nodes."), func(s *host.Space) float64 { return float64(s.Files) }),
	col(spaceGauge("files_free", "Filesystem total free file nodes."), func(s *host.Space) float64 { return float64(s.FilesFree) }),
	col(spaceGauge("readonly", "Filesystem read-only status."), func(s *host.Space) float64 { return truth(s.ReadOnly) }),
}

func collectSpaces(ch chan<- prometheus.Metric, spaces []host.Space) {
	for i := range spaces {
		s := &spaces[i]
		for _, c := range spaceColumns {
			c.emit(ch, c.of(s), s.Device, s.FS, s.Mount)
		}
	}
}

func netCounter(name, help string) metric {
	return counterOf("node_network_"+name+"_total", help, "device")
}

var netColumns = []column[host.Net]{
	col(netCounter("receive_bytes", "Network device statistic receive_bytes."), func(n *host.Net) float64 { return float64(n.RxBytes) }),
	col(netCounter("receive_packets", "Network device statistic receive_packets."), func(n *host.Net) float64 { return float64(n.RxPackets) }),
	col(netCounter("receive_errs", "Network device statistic receive_errs."), func(n *host.Net) float64 { return float64(n.RxErrors) }),
	col(netCounter("receive_drop", "Network device statistic receive_drop."), func(n *host.Net) float64 { return float64(n.RxDrops) }),
	col(netCounter("transmit_bytes", "Network device statistic transmit_bytes."), func(n *host.Net) float64 { return float64(n.TxBytes) }),
	col(netCounter("transmit_packets", "Network device statistic transmit_packets."), func(n *host.Net) float64 { return float64(n.TxPackets) }),
	col(netCounter("transmit_errs", "Network device statistic transmit_errs."), func(n *host.Net) float64 { return float64(n.TxErrors) }),
	col(netCounter("transmit_drop", "Network device statistic transmit_drop."), func(n *host.Net) float64 { return float64(n.TxDrops) }),
}

func tcpColumn(name string, of func(*host.TCP) uint64) column[host.TCP] {
	return col(untypedOf("node_netstat_"+name, "Statistic "+name+"."), func(t *host.TCP) float64 { return float64(of(t)) })
}

var tcpColumns = []column[host.TCP]{
	tcpColumn("Tcp_CurrEstab", func(t *host.TCP) uint64 { return t.Established }),
	tcpColumn("Tcp_ActiveOpens", func(t *host.TCP) uint64 { return t.ActiveOpens }),
	tcpColumn("Tcp_PassiveOpens", func(t *host.TCP) uint64 { return t.PassiveOpens }),
	tcpColumn("Tcp_InSegs", func(t *host.TCP) uint64 { return t.InSegs }),
	tcpColumn("Tcp_OutSegs", func(t *host.TCP) uint64 { return t.OutSegs }),
	tcpColumn("Tcp_RetransSegs", func(t *host.TCP) uint64 { return t.RetransSegs }),
	tcpColumn("Tcp_InErrs", func(t *host.TCP) uint64 { return t.InErrs }),
	tcpColumn("Tcp_OutRsts", func(t *host.TCP) uint64 { return t.OutRsts }),
	tcpColumn("TcpExt_ListenOverflows", func(t *host.TCP) uint64 { return t.ListenOverflows }),
	tcpColumn("TcpExt_ListenDrops", func(t *host.TCP) uint64 { return t.ListenDrops }),
	tcpColumn("TcpExt_TCPTimeouts", func(t *host.TCP) uint64 { return t.Timeouts }),
	tcpColumn("Udp_InDatagrams", func(t *host.TCP) uint64 { return t.UDPIn }),
	tcpColumn("Udp_OutDatagrams", func(t *host.TCP) uint64 { return t.UDPOut }),
	tcpColumn("Udp_InErrors", func(t *host.TCP) uint64 { return t.UDPInErrors }),
	tcpColumn("Udp_NoPorts", func(t *host.TCP) uint64 { return t.UDPNoPorts }),
}

func socketColumn(name, what string, of func(*host.Sockets) uint64) column[host.Sockets] {
	return col(gaugeOf("node_sockstat_"+name, "Number of "+what+"."), func(s *host.Sockets) float64 { return float64(of(s)) })
}

var socketColumns = []column[host.Sockets]{
	socketColumn("sockets_used", "IPv4 sockets in use", func(s *host.Sockets) uint64 { return s.Used }),
	socketColumn("TCP_inuse", "TCP sockets in state inuse", func(s *host.Sockets) uint64 { return s.InUse }),
	socketColumn("TCP_orphan", "TCP sockets in state orphan", func(s *host.Sockets) uint64 { return s.Orphan }),
	socketColumn("TCP_tw", "TCP sockets in state tw", func(s *host.Sockets) uint64 { return s.TimeWait }),
	socketColumn("TCP_alloc", "TCP sockets in state alloc", func(s *host.Sockets) uint64 { return s.Allocated }),
	socketColumn("TCP_mem", "TCP sockets in state mem", func(s *host.Sockets) uint64 { return s.MemoryPages }),
	socketColumn("UDP_inuse", "UDP sockets in state inuse", func(s *host.Sockets) uint64 { return s.UDPInUse }),
}

func collectNets(ch chan<- prometheus.Metric, s *host.Sample) {
	for i := range s.Nets {
		for _, c := range netColumns {
			c.emit(ch, c.of(&s.Nets[i]), s.Nets[i].Name)
		}
	}
	for _, c := range tcpColumns {
		c.emit(ch, c.of(&s.TCP))
	}
	for _, c := range socketColumns {
		c.emit(ch, c.of(&s.Sockets))
	}
}

var (
	netUp    = gaugeOf("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", "device")
	netSpeed = gaugeOf("node_network_speed_bytes", "Network device property: speed_bytes.", "device")
	netMTU   = gaugeOf("node_network_mtu_bytes", "Network device property: mtu_bytes.", "device")

	temperature    = gaugeOf("node_hwmon_temp_celsius", "Hardware monitor for temperature (input).", "chip", "sensor")
	temperatureMax = gaugeOf("node_hwmon_temp_crit_celsius", "Hardware monitor for temperature (crit).", "chip", "sensor")
)

func collectInterfaces(ch chan<- prometheus.Metric, all []host.Interface) {
	for i := range all {
		n := &all[i]
		netUp.emit(ch, truth(n.Up), n.Name)
		netMTU.emit(ch, float64(n.MTU), n.Name)
		if n.Speed > 0 {
			netSpeed.emit(ch, float64(n.Speed), n.Name)
		}
	}
}

func collectTemperatures(ch chan<- prometheus.Metric, all []host.Temperature) {
	for i := range all {
		t := &all[i]
		temperature.emit(ch, t.Celsius, t.Chip, t.Sensor)
		if t.Limit > 0 {
			temperatureMax.emit(ch, t.Limit, t.Chip, t.Sensor)
		}
	}
}
