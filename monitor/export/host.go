package export

import (
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/monitor/host"
	"pingd/monitor/host/pressure"
)

// metric is one exported name. The names are node_exporter's and cAdvisor's
// wherever the meaning is the same, so that their dashboards and rules fit, even
// where promtool would rather see them in snake_case.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// catalog collects every metric as the package variables below are made, so that
// Describe can not miss one.
var catalog []metric

func define(kind prometheus.ValueType, name, help string, labels ...string) metric {
	m := metric{prometheus.NewDesc(name, help, labels, nil), kind}
	catalog = append(catalog, m)
	return m
}

func counterOf(name, help string, labels ...string) metric {
	return define(prometheus.CounterValue, name, help, labels...)
}

func gaugeOf(name, help string, labels ...string) metric {
	return define(prometheus.GaugeValue, name, help, labels...)
}

// untypedOf is for node_netstat_*, which node_exporter exports untyped.
func untypedOf(name, help string) metric { return define(prometheus.UntypedValue, name, help) }

// emit sends one value.
func (m metric) emit(ch chan<- prometheus.Metric, v float64, labels ...string) {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "\uFFFD") // a hostile name must not void the scrape
	}
	ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

// Describe sends what Collect may send.
func Describe(ch chan<- *prometheus.Desc) {
	for _, d := range catalog {
		ch <- d.desc
	}
}

var (
	cpuSeconds = counterOf("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "cpu", "mode")
	load1      = gaugeOf("node_load1", "1m load average.")
	load5      = gaugeOf("node_load5", "5m load average.")
	load15     = gaugeOf("node_load15", "15m load average.")
	running    = gaugeOf("node_procs_running", "Number of processes in runnable state.")
	blocked    = gaugeOf("node_procs_blocked", "Number of processes blocked waiting for I/O to complete.")
	switches   = counterOf("node_context_switches_total", "Total number of context switches.")
	interrupts = counterOf("node_intr_total", "Total number of interrupts serviced.")
	forks      = counterOf("node_forks_total", "Total number of forks.")
	bootTime   = gaugeOf("node_boot_time_seconds", "Node boot time, in unixtime.")

	psiCPU     = counterOf("node_pressure_cpu_waiting_seconds_total", "Total time in seconds that processes have waited for CPU time.")
	psiIO      = counterOf("node_pressure_io_waiting_seconds_total", "Total time in seconds that processes have waited due to IO congestion.")
	psiIOFull  = counterOf("node_pressure_io_stalled_seconds_total", "Total time in seconds no process could make progress due to IO congestion.")
	psiMem     = counterOf("node_pressure_memory_waiting_seconds_total", "Total time in seconds that processes have waited for memory.")
	psiMemFull = counterOf("node_pressure_memory_stalled_seconds_total", "Total time in seconds no process could make progress due to memory congestion.")
	psiIRQFull = counterOf("node_pressure_irq_stalled_seconds_total", "Total time in seconds no process could make progress due to IRQ congestion.")

	cpuGuest = counterOf("node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.", "cpu", "mode")

	timexOffset = gaugeOf("node_timex_offset_seconds", "Time offset in between local system and reference clock.")
	timexSync   = gaugeOf("node_timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no).")
	timexMax    = gaugeOf("node_timex_maxerror_seconds", "Maximum error in seconds.")
	timexEst    = gaugeOf("node_timex_estimated_error_seconds", "Estimated error in seconds.")

	vmSwapIn  = untypedOf("node_vmstat_pswpin", "/proc/vmstat information field pswpin.")
	vmSwapOut = untypedOf("node_vmstat_pswpout", "/proc/vmstat information field pswpout.")
	vmFault   = untypedOf("node_vmstat_pgfault", "/proc/vmstat information field pgfault.")
	vmMajor   = untypedOf("node_vmstat_pgmajfault", "/proc/vmstat information field pgmajfault.")
	vmOOM     = untypedOf("node_vmstat_oom_kill", "/proc/vmstat information field oom_kill.")

	filesOpen    = gaugeOf("node_filefd_allocated", "File descriptor statistics: allocated.")
	filesMax     = gaugeOf("node_filefd_maximum", "File descriptor statistics: maximum.")
	conntrack    = gaugeOf("node_nf_conntrack_entries", "Number of currently allocated flow entries for connection tracking.")
	conntrackMax = gaugeOf("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.")
	entropy      = gaugeOf("node_entropy_available_bits", "Bits of available entropy.")
)

// memoryMetric is one line of /proc/meminfo.
type memoryMetric struct {
	metric
	of func(*host.Memory) uint64
}

func memoryOf(field string, of func(*host.Memory) uint64) memoryMetric {
	return memoryMetric{gaugeOf("node_memory_"+field+"_bytes", "Memory information field "+field+"_bytes."), of}
}

var memoryMetrics = []memoryMetric{
	memoryOf("MemTotal", func(m *host.Memory) uint64 { return m.Total }),
	memoryOf("MemFree", func(m *host.Memory) uint64 { return m.Free }),
	memoryOf("MemAvailable", func(m *host.Memory) uint64 { return m.Available }),
	memoryOf("Buffers", func(m *host.Memory) uint64 { return m.Buffers }),
	memoryOf("Cached", func(m *host.Memory) uint64 { return m.Cached }),
	memoryOf("Slab", func(m *host.Memory) uint64 { return m.Slab }),
	memoryOf("SReclaimable", func(m *host.Memory) uint64 { return m.Reclaimable }),
	memoryOf("Dirty", func(m *host.Memory) uint64 { return m.Dirty }),
	memoryOf("Writeback", func(m *host.Memory) uint64 { return m.Writeback }),
	memoryOf("AnonPages", func(m *host.Memory) uint64 { return m.AnonPages }),
	memoryOf("Shmem", func(m *host.Memory) uint64 { return m.Shmem }),
	memoryOf("SwapTotal", func(m *host.Memory) uint64 { return m.SwapTotal }),
	memoryOf("SwapFree", func(m *host.Memory) uint64 { return m.SwapFree }),
	memoryOf("SwapCached", func(m *host.Memory) uint64 { return m.SwapCached }),
	memoryOf("Committed_AS", func(m *host.Memory) uint64 { return m.Committed }),
}

// Collect sends the figures of s and of what is looked at less often; name tells a
// container's name and image by its id. It keeps nothing and changes nothing. A
// zero s, before the first sample, is left out.
func Collect(ch chan<- prometheus.Metric, s *host.Sample, slow Slow, name func(id string) (name, image string)) {
	if s.Time.IsZero() {
		return
	}
	collectCPU(ch, s)
	for _, f := range memoryMetrics {
		f.emit(ch, float64(f.of(&s.Memory)))
	}
	vmSwapIn.emit(ch, float64(s.VM.SwapIn))
	vmSwapOut.emit(ch, float64(s.VM.SwapOut))
	vmFault.emit(ch, float64(s.VM.Faults))
	vmMajor.emit(ch, float64(s.VM.MajorFaults))
	vmOOM.emit(ch, float64(s.VM.OOMKills))
	collectLimits(ch, s)
	collectPressure(ch, &s.Pressure)
	collectDisks(ch, s.Disks)
	collectSpaces(ch, slow.Spaces)
	collectNets(ch, s)
	collectInterfaces(ch, slow.Interfaces)
	collectTemperatures(ch, slow.Temperatures)
	collectContainers(ch, s.Containers, name)
}

// Slow is what is looked at less often than each second.
type Slow struct {
	Spaces       []host.Space
	Interfaces   []host.Interface
	Temperatures []host.Temperature
}

func collectLimits(ch chan<- prometheus.Metric, s *host.Sample) {
	filesOpen.emit(ch, float64(s.Limits.Files))
	filesMax.emit(ch, float64(s.Limits.FilesMax))
	if s.Limits.ConntrackMax > 0 {
		conntrack.emit(ch, float64(s.Limits.Conntrack))
		conntrackMax.emit(ch, float64(s.Limits.ConntrackMax))
	}
	entropy.emit(ch, float64(s.Limits.Entropy))
	if s.Clock.Known {
		timexOffset.emit(ch, s.Clock.Offset)
		timexSync.emit(ch, truth(s.Clock.Synced))
		timexMax.emit(ch, s.Clock.MaxError)
		timexEst.emit(ch, s.Clock.Estimated)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func collectCPU(ch chan<- prometheus.Metric, s *host.Sample) {
	for i, c := range s.Stat.Cores {
		cpu := strconv.Itoa(i)
		for _, mode := range [...]struct {
			name  string
			ticks uint64
		}{
			{"user", c.User},
			{"nice", c.Nice},
			{"system", c.System},
			{"idle", c.Idle},
			{"iowait", c.Iowait},
			{"irq", c.IRQ},
			{"softirq", c.SoftIRQ},
			{"steal", c.Steal},
		} {
			cpuSeconds.emit(ch, float64(mode.ticks)/host.UserHZ, cpu, mode.name)
		}
		cpuGuest.emit(ch, float64(c.Guest)/host.UserHZ, cpu, "user")
		cpuGuest.emit(ch, float64(c.GuestNice)/host.UserHZ, cpu, "nice")
	}
	load1.emit(ch, s.Load.One)
	load5.emit(ch, s.Load.Five)
	load15.emit(ch, s.Load.Fifteen)
	running.emit(ch, float64(s.Stat.Running))
	blocked.emit(ch, float64(s.Stat.Blocked))
	switches.emit(ch, float64(s.Stat.Context))
	interrupts.emit(ch, float64(s.Stat.Intr))
	forks.emit(ch, float64(s.Stat.Forks))
	bootTime.emit(ch, float64(s.Stat.BootTime))
}

func collectPressure(ch chan<- prometheus.Metric, p *pressure.All) {
	const micro = 1e6
	if p.CPU.Known {
		psiCPU.emit(ch, float64(p.CPU.Some)/micro)
	}
	if p.Memory.Known {
		psiMem.emit(ch, float64(p.Memory.Some)/micro)
		psiMemFull.emit(ch, float64(p.Memory.Full)/micro)
	}
	if p.IO.Known {
		psiIO.emit(ch, float64(p.IO.Some)/micro)
		psiIOFull.emit(ch, float64(p.IO.Full)/micro)
	}
	if p.IRQ.Known {
		psiIRQFull.emit(ch, float64(p.IRQ.Full)/micro)
	}
}
