package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/procs"
)

// load visits in the background and accounts for every number.
type load struct {
	t    *testing.T
	url  string
	rec  *drive.Recorder
	stop func() error
}

func startLoad(t *testing.T, url string, clients int) *load {
	t.Helper()
	base, _, err := drive.VisitOnce(within(t), url, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	l := &load{t: t, url: url, rec: drive.NewRecorder(base)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		// A pause, for the engine needs the processor too.
		v := drive.Visits{URLs: []string{url}, Clients: clients, For: time.Hour, Pause: 20 * time.Millisecond, Timeout: 5 * time.Second}
		_, err := v.Run(ctx, l.rec)
		done <- err
	}()
	l.stop = func() error {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	return l
}

// goesOn waits for an answer from after now.
func (l *load) goesOn() {
	l.t.Helper()
	eventually(l.t, l.rec.AckedSince(l.rec.Since()))
}

// during does something under load and says how long nobody got an answer.
func (l *load) during(what string, do func()) {
	l.t.Helper()
	began, at := time.Now(), l.rec.Since()
	do()
	l.goesOn()
	l.t.Logf("%-44s longest gap %s, done in %.1f s", what, l.rec.LongestWithin(at, l.rec.Since()).Long.Round(time.Millisecond), time.Since(began).Seconds())
}

// account ends the load and demands that nothing is lost or handed out twice.
func (l *load) account() {
	l.t.Helper()
	if err := l.stop(); err != nil {
		l.t.Fatal(err)
	}
	final, _, err := drive.VisitOnce(within(l.t), l.url, 5*time.Second)
	if err != nil {
		l.t.Fatal(err)
	}
	a := l.rec.Account(final - 1)
	failed, kinds := l.rec.Errors()
	l.t.Logf("acked %d, lost %d, duplicates %d, errors %d %v", a.Acked, a.Lost, a.Duplicates, failed, kinds)
	if a.Acked == 0 || a.Lost != 0 || a.Duplicates != 0 {
		l.t.Errorf("account %+v", a)
	}
}

// TestComposeStack is the tutorial's experiments with a real engine: under load,
// whatever is paused, killed, cut off, scaled, restarted or replaced, no visit is
// lost and no number is handed out twice.
func TestComposeStack(t *testing.T) {
	lab := procs.ForTest(t)
	// Two ports in a row: one for each proxy, none to spare.
	first, second := 0, 0
	for first == 0 || second != first+1 {
		first = second
		var err error
		if second, err = lab.Port(); err != nil {
			t.Fatal(err)
		}
	}
	page, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	c := startCompose(t, fmt.Sprintf("%d-%d", first, second), page)
	url := c.visitAt(t)[0]
	bothServe := func() {
		t.Helper()
		for _, port := range []int{first, second} {
			served(t, fmt.Sprintf("http://127.0.0.1:%d/", port))
		}
	}
	bothServe()
	c.whole(t, 3)
	l := startLoad(t, url, 20)

	leader := c.leader(t)
	l.during("docker pause of the leader", func() { docker(t, "pause", leader); l.goesOn() })
	l.during("docker unpause", func() { docker(t, "unpause", leader); c.whole(t, 3) })

	network := c.project + "_default"
	leader = c.leader(t)
	l.during("network disconnect of the leader", func() { docker(t, "network", "disconnect", network, leader); l.goesOn() })
	l.during("network connect", func() { docker(t, "network", "connect", "--alias", "store", network, leader); c.whole(t, 3) })

	l.during("docker kill of a counter", func() { docker(t, "kill", c.container(t, "counter")) })
	l.during("counters 3 to 4, stores 3 to 4", func() { c.scale(t, "counter=4", "store=4"); c.whole(t, 4) })
	l.during("counters 4 to 2, stores 4 to 3", func() { c.scale(t, "counter=2", "store=3"); c.whole(t, 3) })
	t.Run("monitor", func(t *testing.T) { monitorShowsTheHost(t, page) })

	// A proxy that starts again is where it was.
	l.during("restart of all", func() { c.must(t, "restart"); c.whole(t, 3); bothServe() })
	// New containers on the old volumes.
	l.during("replaced by a new image", func() {
		c.env = append(c.env, "PINGD_TAG="+imageTag()+"next", "VERSION=2")
		c.must(t, "up", "-d", "--build")
		c.whole(t, 3)
		bothServe()
	})
	l.account()
}

// served waits for an answer. Each try is short: a connection that the engine took
// before the container was there may hang.
func served(t *testing.T, url string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		_, err := get(url)(ctx)
		return err
	})
}

// monitorShowsTheHost compares what the monitor's container says of the host with
// what this machine says of itself.
func monitorShowsTheHost(t *testing.T, page string) {
	eventually(t, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		body, err := plain(ctx, "http://"+page+"/")
		if err == nil && !strings.Contains(body, " leader ") {
			err = fmt.Errorf("the page says:\n%s", body)
		}
		return err
	})
	metrics := mustGet(t, "http://"+page+"/metrics")
	value := func(name string) (values []string) {
		for line := range strings.Lines(metrics) {
			if strings.HasPrefix(line, name) {
				values = append(values, strings.TrimSpace(line))
			}
		}
		return values
	}
	var total int64
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(meminfo), "MemTotal: %d kB", &total); err != nil {
		t.Fatal(err)
	}
	var shown float64
	for _, line := range value("node_memory_MemTotal_bytes ") {
		if _, err := fmt.Sscanf(line, "node_memory_MemTotal_bytes %g", &shown); err != nil {
			t.Fatal(err)
		}
	}
	if int64(shown) != total<<10 {
		t.Errorf("memory %g, the host has %d kB", shown, total)
	}
	// The host's interfaces, not the container's own.
	dev, err := os.Open("/proc/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	var physical []string
	for lines := bufio.NewScanner(dev); lines.Scan(); {
		name, _, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if ok && name != "lo" && !strings.HasPrefix(name, "veth") {
			physical = append(physical, name)
		}
	}
	for _, name := range physical {
		if !slices.ContainsFunc(value("node_network_receive_bytes_total"), func(l string) bool { return strings.Contains(l, `"`+name+`"`) }) {
			t.Errorf("interface %s of the host is missing", name)
		}
	}
	if len(value("node_cpu_seconds_total")) == 0 {
		t.Error("no processor is shown")
	}
}
