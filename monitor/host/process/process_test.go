package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pingd/monitor/host/fixture"
)

func procStat(pid int, name string, ticks, start, pages int) string {
	return fmt.Sprintf("%d (%s) R 1 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 2 0 %d 1000 %d 0 0", pid, name, ticks, start, pages)
}

func TestProcesses(t *testing.T) {
	f := fixture.Tree{"proc/uptime": "x"}
	for pid := 10; pid < 60; pid++ {
		f[fmt.Sprintf("proc/%d/stat", pid)] = procStat(pid, fmt.Sprintf("p%d", pid), 0, pid, pid)
	}
	f["proc/59/cmdline"] = "/bin/p59\x00--flag\x00" + strings.Repeat("x", 300)
	proc, _ := f.Plant(t)
	table := New(proc)
	defer table.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	set := func(pid, ticks, start int) {
		must(os.WriteFile(filepath.Join(proc, fmt.Sprint(pid), "stat"), []byte(procStat(pid, fmt.Sprintf("p%d", pid), ticks, start, pid)), 0o644))
	}
	must(table.Scan(100))
	if table.Count() != 50 || len(table.hot) != hotCount {
		t.Fatalf("%d processes, %d hot", table.Count(), len(table.hot))
	}
	set(12, 100, 12) // 1 s of CPU within 2 s
	must(table.Scan(102))
	top := table.Top(3)
	if top[0].PID != 12 || top[0].CPU != 0.5 {
		t.Errorf("busiest %+v, want pid 12 at 0.5", top[0])
	}
	if top[1].PID != 59 || top[1].RSS != 59*pageSize || !strings.HasPrefix(top[1].Command, "/bin/p59 --flag xxx") || len(top[1].Command) > maxCommand {
		t.Errorf("largest %+v, want pid 59 with its command line, cut", top[1])
	}
	set(12, 300, 12)
	table.Refresh(103)
	if top = table.Top(1); top[0].CPU != 2 {
		t.Errorf("refreshed share %v, want 2", top[0].CPU)
	}
	set(12, 9000, 777) // the same number, another process
	table.Refresh(104)
	for _, p := range table.Top(50) {
		if p.PID == 12 && p.CPU != 0 {
			t.Errorf("a new process of the same number inherits %v", p.CPU)
		}
	}
	must(os.RemoveAll(filepath.Join(proc, "12")))
	must(table.Scan(105))
	if table.Count() != 49 {
		t.Errorf("%d processes after one ended, want 49", table.Count())
	}
	if err := New(proc + "/none").Scan(1); err == nil {
		t.Error("no error for a missing tree")
	}
}
