package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pingd/monitor/host/fixture"
)

// planted writes a tree of n processes, from pid 100 on, and a table of it.
func planted(t *testing.T, n int, io bool) (*Table, string) {
	t.Helper()
	f := fixture.Tree{}
	for pid := 100; pid < 100+n; pid++ {
		f[fmt.Sprintf("proc/%d/stat", pid)] = procStat(pid, "p", 0, pid, 1)
		if io {
			f[fmt.Sprintf("proc/%d/io", pid)] = "rchar: 9\nread_bytes: 100\nwrite_bytes: 0\n"
		}
	}
	proc, _ := f.Plant(t)
	table := New(proc)
	t.Cleanup(table.Close)
	return table, proc
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func scanned(t *testing.T, table *Table, now float64) {
	t.Helper()
	if err := table.Scan(now); err != nil {
		t.Fatal(err)
	}
}

func TestWhoMovesBytes(t *testing.T) {
	table, proc := planted(t, 60, true)
	scanned(t, table, 10)
	write(t, filepath.Join(proc, "130/io"), "read_bytes: 1100\nwrite_bytes: 4000\ncancelled_write_bytes: 1\n")
	scanned(t, table, 15)
	var got *Process
	for _, p := range table.Top(1) {
		if p.PID == 130 {
			got = &p
		}
	}
	if got == nil || got.Read != 200 || got.Write != 800 {
		t.Fatalf("pid 130 moved 1000 and 4000 bytes within 5 s: %+v", got)
	}
	if w := table.Warnings(); w != nil {
		t.Errorf("warnings %q", w)
	}
}

func TestNoRightToReadIO(t *testing.T) {
	table, _ := planted(t, 40, false)
	scanned(t, table, 10)
	if w := table.Warnings(); len(w) != 1 || !strings.Contains(w[0], "SYS_PTRACE") {
		t.Errorf("warnings %q", w)
	}
	few, _ := planted(t, 3, false)
	scanned(t, few, 10)
	if w := few.Warnings(); w != nil {
		t.Errorf("three that ended meanwhile are no refusal: %q", w)
	}
}

func TestOwnRolesAreAlwaysShown(t *testing.T) {
	table, proc := planted(t, 50, false)
	write(t, filepath.Join(proc, "149/stat"), procStat(149, "pingd", 0, 149, 0))
	write(t, filepath.Join(proc, "149/cmdline"), "/pingd\x00--role=store\x00")
	scanned(t, table, 10)
	for _, p := range table.Top(2) {
		if p.Own && p.PID == 149 && p.Command == "/pingd --role=store" {
			return
		}
	}
	t.Errorf("pid 149 uses nothing and is one of ours: %+v", table.Top(2))
}

func TestSecretsInArgumentsAreHidden(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"sh\x00-c\x00true\x00":               "sh -c true",
		"x\x00--password=hush\x00y\x00":      "x --password=*** y",
		"x\x00--password\x00hush\x00y\x00":   "x --password *** y",
		"x\x00--secret-file=/etc/s\x00":      "x --secret-file=/etc/s",
		"env\x00API_TOKEN=1\x00":             "env API_TOKEN=***",
		"redis\x00--requirepass\x00a\x00":    "redis --requirepass ***",
		"/usr/bin/secret-tool\x00lookup\x00": "/usr/bin/secret-tool lookup",
		"a\xff\x00":                          "a\uFFFD",
		strings.Repeat("x", 300):             strings.Repeat("x", maxCommand),
	} {
		if got := commandLine([]byte(in)); got != want {
			t.Errorf("commandLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRefreshAllocatesNothing(t *testing.T) {
	table, _ := planted(t, 50, false)
	scanned(t, table, 10)
	now := 11.0
	if n := testing.AllocsPerRun(50, func() { now++; table.Refresh(now) }); n != 0 {
		t.Errorf("a refresh allocates %v times, want 0", n)
	}
}

func TestNumberTakenByAnotherProcess(t *testing.T) {
	table, proc := planted(t, 5, true)
	scanned(t, table, 10)
	write(t, filepath.Join(proc, "100/cmdline"), "old\x00")
	table.Top(5)
	write(t, filepath.Join(proc, "100/stat"), procStat(100, "new", 500, 7777, 1))
	write(t, filepath.Join(proc, "100/cmdline"), "new\x00")
	scanned(t, table, 15)
	for _, p := range table.Top(5) {
		if p.PID == 100 && (p.CPU != 0 || p.Command != "new" || p.Read != 0) {
			t.Errorf("it inherits from the process before: %+v", p)
		}
	}
}

func BenchmarkScanOfThisMachine(b *testing.B) {
	table := New("/proc")
	defer table.Close()
	if table.Scan(1) != nil {
		b.Skip("no /proc here")
	}
	now := 1.0
	b.ReportAllocs()
	for b.Loop() {
		now++
		if err := table.Scan(now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(table.Count()), "processes")
}
