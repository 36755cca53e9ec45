package export

import (
	"github.com/prometheus/client_golang/prometheus"

	"pingd/monitor/host/cgroup"
	"pingd/monitor/host/pressure"
)

var containerLabels = []string{"id", "image", "name"}

func containerCounter(name, help string, of func(*cgroup.Container) float64) column[cgroup.Container] {
	return col(counterOf("container_"+name, help, containerLabels...), of)
}

func containerGauge(name, help string, of func(*cgroup.Container) float64) column[cgroup.Container] {
	return col(gaugeOf("container_"+name, help, containerLabels...), of)
}

const nano = 1e9

var containerColumns = []column[cgroup.Container]{
	containerCounter("cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", func(c *cgroup.Container) float64 { return float64(c.CPUNanos) / nano }),
	containerCounter("cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", func(c *cgroup.Container) float64 { return float64(c.UserNanos) / nano }),
	containerCounter("cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", func(c *cgroup.Container) float64 { return float64(c.SystemNanos) / nano }),
	containerCounter("cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", func(c *cgroup.Container) float64 { return float64(c.Periods) }),
	containerCounter("cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", func(c *cgroup.Container) float64 { return float64(c.ThrottledPeriods) }),
	containerCounter("cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled.", func(c *cgroup.Container) float64 { return float64(c.ThrottledNanos) / nano }),
	containerGauge("memory_usage_bytes", "Current memory usage in bytes, including all memory regardless of when it was accessed.", func(c *cgroup.Container) float64 { return float64(c.Memory) }),
	containerGauge("memory_working_set_bytes", "Current working set in bytes.", func(c *cgroup.Container) float64 { return float64(c.WorkingSet()) }),
	containerGauge("memory_rss", "Size of RSS in bytes.", func(c *cgroup.Container) float64 { return float64(c.RSS) }),
	containerGauge("memory_cache", "Number of bytes of page cache memory.", func(c *cgroup.Container) float64 { return float64(c.Cache) }),
	containerGauge("spec_memory_limit_bytes", "Memory limit for the container.", func(c *cgroup.Container) float64 { return float64(c.MemoryLimit) }),
	containerCounter("oom_events_total", "Count of out of memory events observed for the container.", func(c *cgroup.Container) float64 { return float64(c.OOMKills) }),
	containerCounter("fs_reads_bytes_total", "Cumulative count of bytes read.", func(c *cgroup.Container) float64 { return float64(c.ReadBytes) }),
	containerCounter("fs_writes_bytes_total", "Cumulative count of bytes written.", func(c *cgroup.Container) float64 { return float64(c.WriteBytes) }),
	containerGauge("processes", "Number of processes running inside the container.", func(c *cgroup.Container) float64 { return float64(c.Processes) }),
}

var containerNetColumns = []column[cgroup.Container]{
	containerCounter("network_receive_bytes_total", "Cumulative count of bytes received.", func(c *cgroup.Container) float64 { return float64(c.RxBytes) }),
	containerCounter("network_receive_packets_dropped_total", "Cumulative count of packets dropped while receiving.", func(c *cgroup.Container) float64 { return float64(c.RxDrops) }),
	containerCounter("network_transmit_bytes_total", "Cumulative count of bytes transmitted.", func(c *cgroup.Container) float64 { return float64(c.TxBytes) }),
	containerCounter("network_transmit_packets_dropped_total", "Cumulative count of packets dropped while transmitting.", func(c *cgroup.Container) float64 { return float64(c.TxDrops) }),
}

var containerPressure = []struct {
	metric
	of func(*pressure.All) (pressure.Stall, uint64)
}{
	{counterOf("container_pressure_cpu_waiting_seconds_total", "Total time duration tasks in the container have waited due to CPU congestion.", containerLabels...), func(p *pressure.All) (pressure.Stall, uint64) { return p.CPU, p.CPU.Some }},
	{counterOf("container_pressure_memory_waiting_seconds_total", "Total time duration tasks in the container have waited due to memory congestion.", containerLabels...), func(p *pressure.All) (pressure.Stall, uint64) { return p.Memory, p.Memory.Some }},
	{counterOf("container_pressure_memory_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to memory congestion.", containerLabels...), func(p *pressure.All) (pressure.Stall, uint64) { return p.Memory, p.Memory.Full }},
	{counterOf("container_pressure_io_waiting_seconds_total", "Total time duration tasks in the container have waited due to IO congestion.", containerLabels...), func(p *pressure.All) (pressure.Stall, uint64) { return p.IO, p.IO.Some }},
	{counterOf("container_pressure_io_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to IO congestion.", containerLabels...), func(p *pressure.All) (pressure.Stall, uint64) { return p.IO, p.IO.Full }},
}

func collectContainers(ch chan<- prometheus.Metric, all []cgroup.Container, names func(string) (string, string)) {
	for i := range all {
		c := &all[i]
		name, image := names(c.ID)
		for _, column := range containerColumns {
			column.emit(ch, column.of(c), c.Path, image, name)
		}
		if c.NetKnown {
			for _, column := range containerNetColumns {
				column.emit(ch, column.of(c), c.Path, image, name)
			}
		}
		for _, p := range containerPressure {
			if stall, micros := p.of(&c.Pressure); stall.Known {
				p.emit(ch, float64(micros)/1e6, c.Path, image, name)
			}
		}
	}
}
