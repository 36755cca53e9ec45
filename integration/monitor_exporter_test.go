package integration

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pingd/integration/procs"
)

// TestMonitorBesideNodeExporter compares what the monitor exports with Debian's
// node_exporter on the same machine, metric by metric: every name of ours that is
// one of its has the same labels, the same type and the same value.
func TestMonitorBesideNodeExporter(t *testing.T) {
	exporter := procs.Need(t, "prometheus-node-exporter", "prometheus-node-exporter")
	lab := procs.ForTest(t)
	addr, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Start(within(t), procs.Spec{
		Name: "node-exporter", Path: exporter, Args: []string{"--web.listen-address=" + addr},
	}); err != nil {
		t.Fatal(err)
	}
	m := startSingle(t, lab, "watch", "monitor")
	theirs, ours := "http://"+addr+"/metrics", "http://"+m.Admin+"/metrics"
	eventually(t, func(ctx context.Context) error { _, err := get(theirs)(ctx); return err })
	eventually(t, func(ctx context.Context) error { // what is looked at each half minute is there, too
		body, err := get(ours)(ctx)
		if err == nil && (!strings.Contains(body, "node_network_up{") || !strings.Contains(body, "node_cpu_seconds_total{")) {
			err = errors.New("not all is sampled yet")
		}
		return err
	})

	var wrong []string
	for range 3 { // something may move there and back, or go away, between three looks
		var families int
		if wrong, families = beside(t, m.Admin, ours, theirs); len(wrong) == 0 {
			if families < 60 {
				t.Errorf("only %d metrics are node_exporter's", families)
			}
			return
		}
	}
	t.Error(strings.Join(wrong, "\n"))
}

// beside reads both once and tells what differs, and how many metrics of ours are
// node_exporter's. Values move while they are read: so ours are read before and after
// theirs, with a sample in between at both ends, and theirs must lie between.
func beside(t *testing.T, admin, ours, theirs string) (wrong []string, metrics int) {
	t.Helper()
	differ := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	before := readMetrics(t, mustGet(t, ours))
	next := sampled(t, admin)
	middle := readMetrics(t, mustGet(t, theirs))
	next()
	after := readMetrics(t, mustGet(t, ours))

	families := map[string]bool{} // whether any value of a family was compared
	for name, a := range before.values {
		family, _, _ := strings.Cut(name, "{")
		if !strings.HasPrefix(family, "node_") || middle.types[family] == "" {
			continue
		}
		if _, ok := families[family]; !ok {
			families[family] = false
		}
		if before.types[family] != middle.types[family] {
			differ("%s is a %s, and node_exporter's a %s", family, before.types[family], middle.types[family])
		}
		v, ok := middle.values[name]
		b, still := after.values[name]
		if !still {
			continue // an interface or disk that went away meanwhile
		}
		if !ok { // it leaves out the loopback interface, for one
			families[family] = families[family] || elsewhere(family)
			continue
		}
		families[family] = true
		if slack := tolerance(family, middle.types[family], a, b); v < min(a, b)-slack || v > max(a, b)+slack {
			differ("%s: %v and %v, node_exporter has %v", name, a, b, v)
		}
	}
	for family, both := range families {
		if !both {
			differ("nothing of %s is in both", family)
		}
	}
	return wrong, len(families)
}

// sampled returns a function that waits until the monitor has taken two samples more.
func sampled(t *testing.T, admin string) (again func()) {
	t.Helper()
	wait := func() {
		t.Helper()
		count := func(ctx context.Context) (int, error) {
			var st struct{ Samples int }
			err := roleStatus(ctx, admin, "monitor", &st)
			return st.Samples, err
		}
		start, err := count(within(t))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func(ctx context.Context) error {
			n, err := count(ctx)
			if err == nil && n < start+2 {
				err = fmt.Errorf("%d samples, waiting for %d", n, start+2)
			}
			return err
		})
	}
	wait()
	return wait
}

// elsewhere tells whether a family is one of things that the two choose differently:
// file systems in memory, disks that never did anything.
func elsewhere(family string) bool {
	return strings.HasPrefix(family, "node_filesystem_") || strings.HasPrefix(family, "node_disk_")
}

// tolerance is how far a value may lie from two of ours that were read before and
// after it.
func tolerance(family, kind string, a, b float64) float64 {
	switch {
	case family == "node_filesystem_size_bytes", family == "node_filesystem_files", family == "node_filesystem_readonly":
		return 0
	case strings.HasPrefix(family, "node_filesystem_"):
		return 0.1*max(a, b) + 4<<30 // looked at each half minute; others write
	case strings.Contains(family, "timex"):
		return 1 // errors grow until the clock is set right
	case kind == "counter" || strings.HasPrefix(family, "node_netstat_") && !strings.Contains(family, "CurrEstab") || strings.HasPrefix(family, "node_vmstat_"):
		return 0.02 // of a tick of the clock; else counters lie between
	case strings.HasSuffix(family, "MemTotal_bytes"), strings.HasSuffix(family, "SwapTotal_bytes"), strings.HasSuffix(family, "boot_time_seconds"), strings.HasSuffix(family, "maximum"):
		return 0
	}
	// What goes up and down may have been anywhere in between.
	return 0.5*max(math.Abs(a), math.Abs(b)) + 1<<28*memory(family) + 2000*(1-memory(family))
}

// memory is 1 for families in bytes, else 0.
func memory(family string) float64 {
	if strings.HasPrefix(family, "node_memory_") {
		return 1
	}
	return 0
}

// metrics are the samples of an exposition, by name and labels in order, and the
// types of their families.
type metrics struct {
	values map[string]float64
	types  map[string]string
}

func readMetrics(t *testing.T, text string) metrics {
	t.Helper()
	m := metrics{map[string]float64{}, map[string]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if fields := strings.Fields(line); len(fields) == 4 && fields[1] == "TYPE" {
			m.types[fields[2]] = fields[3]
		}
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			t.Fatalf("sample %q: %v", line, err)
		}
		name, labels, ok := strings.Cut(line[:i], "{")
		if ok {
			parts := strings.Split(strings.TrimSuffix(labels, "}"), `",`)
			slices.Sort(parts)
			name += "{" + strings.TrimSuffix(strings.Join(parts, `",`), `"`) + "}"
		}
		m.values[name] = v
	}
	return m
}
