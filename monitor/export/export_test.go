package export

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"pingd/monitor/alert"
	"pingd/monitor/cluster"
	"pingd/monitor/host"
	"pingd/monitor/host/cgroup"
	"pingd/monitor/host/pressure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is one moment, as the monitor exports it.
type collector struct {
	sample host.Sample
	slow   Slow
	own    Own
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) { Describe(ch) }

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	CollectOwn(ch, c.own)
	Collect(ch, &c.sample, c.slow, func(id string) (name, image string) { return "name of " + id, "image:1" })
}

// gather returns all metrics by name{labels}, after the checks that a registry makes:
// each is described, of one kind, and no two are the same.
func gather(t *testing.T, c *collector) map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Error(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", f.GetName())
		}
		if total := strings.HasSuffix(f.GetName(), "_total"); total != (f.GetType().String() == "COUNTER") {
			t.Errorf("%s is a %s", f.GetName(), f.GetType())
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName()
			if labels != nil {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
	}
	return all
}

// full is a moment in which everything is known and every number another.
func full() *collector {
	c := &collector{
		slow: Slow{
			Spaces:       make([]host.Space, 2),
			Interfaces:   make([]host.Interface, 2),
			Temperatures: make([]host.Temperature, 2),
		},
		own: Own{
			Series: 1, Viewers: 2, Warnings: 3, Samples: 4, Took: 5 * time.Millisecond, Bytes: 6, Syncs: 7, Failures: 8,
			Ways: []Way{{Name: "mail", Sent: 9, Failed: 10, Waiting: 11}},
		},
	}
	s := &c.sample
	s.Stat.Cores, s.Disks, s.Nets, s.Containers = make([]host.CPU, 2), make([]host.Disk, 2), make([]host.Net, 2), make([]cgroup.Container, 2)
	n := uint64(0)
	number(reflect.ValueOf(s), &n)
	number(reflect.ValueOf(&c.slow), &n)
	s.Time = time.Unix(1_700_000_000, 0)
	return c
}

// number sets every field below v to another value.
func number(v reflect.Value, n *uint64) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		number(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			number(v.Field(i), n)
		}
	case reflect.Slice:
		for i := range v.Len() {
			number(v.Index(i), n)
		}
	case reflect.Uint64:
		v.SetUint(1_000_000 + *n)
	case reflect.Int, reflect.Int64:
		v.SetInt(1_000_000 + int64(*n))
	case reflect.Float64:
		v.SetFloat(1_000_000 + float64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(fmt.Sprint("s", *n))
	}
}

// TestEveryMetric holds that each name that is described comes when all is known, and
// that no two show the same number by mistake.
func TestEveryMetric(t *testing.T) {
	c := full()
	all := gather(t, c)
	names := map[string]bool{}
	for name := range all {
		name, _, _ = strings.Cut(name, "{")
		names[name] = true
	}
	for _, m := range catalog {
		// "Desc{fqName: "x", ..."
		name := strings.Split(m.desc.String(), `"`)[1]
		if !names[name] && name != "pingd_alert" {
			t.Errorf("%s is described and does not come", name)
		}
	}
	seen := map[float64]string{}
	for name, v := range all {
		if v < 1_000_000 { // shares, times and truths
			continue
		}
		if other, again := seen[v]; again {
			t.Errorf("%s and %s are both %g", name, other, v)
		}
		seen[v] = name
	}
}

// TestUnits holds some of the names to the unit that their readers expect.
func TestUnits(t *testing.T) {
	c := &collector{}
	s := &c.sample
	s.Time = time.Unix(1, 0)
	s.Stat.Cores = []host.CPU{{User: 250, Guest: 50}}
	s.Disks = []host.Disk{{Name: "sda", ReadSectors: 3, ReadMS: 1500}}
	s.Pressure.CPU = pressure.Stall{Some: 2_500_000, Known: true}
	s.Containers = []cgroup.Container{{ID: "abc", Path: "/docker/abc", CPUNanos: 1_500_000_000, Memory: 100, Inactive: 30}}
	c.slow.Interfaces = []host.Interface{{Name: "eth0", Up: true, Speed: 125}}
	c.slow.Spaces = []host.Space{{Mount: "/", Device: "/dev/sda", FS: "ext4", Size: 10, ReadOnly: true}}
	c.own.Took = 1500 * time.Microsecond
	all := gather(t, c)
	for name, want := range map[string]float64{
		"node_cpu_seconds_total{cpu=0,mode=user}":                                           2.5,
		"node_cpu_guest_seconds_total{cpu=0,mode=user}":                                     0.5,
		"node_disk_read_bytes_total{device=sda}":                                            1536,
		"node_disk_read_time_seconds_total{device=sda}":                                     1.5,
		"node_pressure_cpu_waiting_seconds_total":                                           2.5,
		"node_network_up{device=eth0}":                                                      1,
		"node_network_speed_bytes{device=eth0}":                                             125,
		"node_filesystem_size_bytes{device=/dev/sda,fstype=ext4,mountpoint=/}":              10,
		"node_filesystem_readonly{device=/dev/sda,fstype=ext4,mountpoint=/}":                1,
		"container_cpu_usage_seconds_total{id=/docker/abc,image=image:1,name=name of abc}":  1.5,
		"container_memory_working_set_bytes{id=/docker/abc,image=image:1,name=name of abc}": 70,
		"pingd_monitor_sample_duration_seconds":                                             0.0015,
	} {
		if got, ok := all[name]; !ok || got != want {
			t.Errorf("%s is %g, %v; want %g", name, got, ok, want)
		}
	}
	// What is not known is left out, rather than told as 0.
	for name := range all {
		for _, absent := range []string{"node_pressure_memory", "node_pressure_io", "node_pressure_irq", "node_nf_conntrack", "node_timex", "container_network", "container_pressure", "node_hwmon"} {
			if strings.HasPrefix(name, absent) {
				t.Errorf("%s came, and is not known", name)
			}
		}
	}
}

// TestBeforeTheFirstSample holds that nothing is told of the host that nobody looked at.
func TestBeforeTheFirstSample(t *testing.T) {
	c := full()
	c.sample.Time = time.Time{}
	for name := range gather(t, c) {
		if !strings.HasPrefix(name, "pingd_") {
			t.Errorf("%s came", name)
		}
	}
}

// TestHostileNames holds that names from elsewhere, which may be anything, void nothing.
func TestHostileNames(t *testing.T) {
	c := full()
	for _, name := range []string{"\xff\xfe", "a\nb", `"}`, "", strings.Repeat("x", 1<<16)} {
		c.sample.Disks[0].Name, c.sample.Nets[0].Name = name, name
		c.sample.Containers[0].Path, c.slow.Spaces[0].Mount = "/"+name, "/"+name
		c.slow.Temperatures[0].Chip, c.slow.Interfaces[0].Name = name, name
		c.own.Alerts = []cluster.Alert{{Alert: alert.Alert{Rule: "r", Subject: name, Severity: alert.Crit}, Silenced: true}}
		c.own.Ways[0].Name = name
		all := gather(t, c)
		if len(all) < 100 {
			t.Errorf("%.20q: %d metrics came", name, len(all))
		}
		want := "pingd_alert{rule=r,severity=crit,silenced=true,subject=" + strings.ToValidUTF8(name, "\uFFFD") + "}"
		if all[want] != 1 {
			t.Errorf("%.20q: no %.80q", name, want)
		}
	}
}
