package alert

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]Rule{
		"a: cpu.busy warn > 85": {Name: "a", Series: "cpu.busy", Func: Last, Warn: Level{85, 85, true}},
		"10min_cpu: cpu.busy avg 10m warn > 85 clear 75 crit > 95 clear 85.5 for 1m down 15m": {
			Name: "10min_cpu", Series: "cpu.busy", Func: Avg, Window: 10 * time.Minute,
			Warn: Level{85, 75, true}, Crit: Level{95, 85.5, true}, For: time.Minute, Down: 15 * time.Minute,
		},
		" low :  mem.available   crit < 1e8 clear 2e8 ": {Name: "low", Series: "mem.available", Func: Last, Below: true, Crit: Level{1e8, 2e8, true}},
		"x-1: space.*.used down 1h warn > -1 for 0s":    {Name: "x-1", Series: "space.*.used", Func: Last, Warn: Level{-1, -1, true}, Down: time.Hour},
		"gone: off": {Name: "gone", Func: Last, Off: true},
	} {
		got, err := Parse(in)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
}

func TestMistakesInRules(t *testing.T) {
	for in, want := range map[string]string{
		"":                                                 "begins with its name",
		"no colon":                                         "begins with its name",
		"two words: cpu.busy warn > 1":                     "begins with its name",
		"a:":                                               "needs a series",
		"a: cpu.busy":                                      "needs a level",
		"a: cpu.bussy":                                     "needs a level",
		"a: cpoo.busy warn > 1":                            `there is no series "cpoo.busy"`,
		"a: diks.util warn > 1":                            "hint: disk.util",
		"a: requets.rate warn > 1":                         "hint: requests.rate",
		"a: nonsense warn > 1":                             "they begin with backend",
		"a: *.used warn > 1":                               "begins with *",
		"a: space.*.* warn > 1":                            "more than one *",
		"a: cpu.busy warn 1":                               `must be by > or <`,
		"a: cpu.busy warn > x":                             `warn is "x", and must be a number`,
		"a: cpu.busy warn > NaN":                           "must be a number",
		"a: cpu.busy warn > 1 warn > 2":                    "set twice",
		"a: cpu.busy warn > 1 crit < 2":                    "same way",
		"a: cpu.busy warn > 1 clear":                       `clear level of warn is ""`,
		"a: cpu.busy warn > 80 clear 90":                   "hint: clear 80",
		"a: mem.used warn < 80 clear 70":                   "clear 70 lies beyond",
		"a: cpu.busy warn > 90 crit > 80":                  "reached later",
		"a: cpu.busy avg warn > 1":                         `the window of avg is "warn"`,
		"a: cpu.busy avg 2h warn > 1":                      "from 1s to 1h",
		"a: cpu.busy warn > 1 for 1.5s":                    "whole seconds",
		"a: cpu.busy warn > 1 for -1s":                     "whole seconds",
		"a: cpu.busy warn > 1 because":                     `"because" is not expected`,
		"a: cpu.busy off":                                  `"off" is not expected`,
		"a: " + strings.Repeat("x", maxLine):               "at most 1000",
		"a: cpu." + strings.Repeat("x", 300) + " warn > 1": "series of 304 characters",
	} {
		_, err := Parse(in)
		var p *ParseError
		if err == nil || !errors.As(err, &p) || p.Hint == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q): %v, want %q and a hint", in, err, want)
		}
	}
}

// TestDefaultsHoldTogether also holds that String and Parse are each other's inverse.
func TestDefaultsHoldTogether(t *testing.T) {
	seen := map[string]bool{}
	for i, r := range Defaults() {
		again, err := Parse(r.String())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%s: %v", r, err)
		}
		if seen[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		seen[r.Name] = true
		if about(r.Name, "") != defaults[i].about || defaults[i].about == "" {
			t.Errorf("%s is about %q", r.Name, about(r.Name, ""))
		}
	}
	for _, name := range []string{
		"10min_cpu_usage", "10min_cpu_iowait", "20min_steal_cpu", "ram_available", "oom_kill", "used_swap", "load_average_15",
		"disk_space_usage", "out_of_disk_space_time", "disk_inode_usage", "10min_disk_utilization", "1m_tcp_accept_queue_overflows",
		"packets_dropped_ratio", "cgroup_ram_in_use", "system_clock_sync_state", "no_leader", "leader_flapping", "quorum_at_risk",
		"follower_lag", "backend_down", "all_backends_down", "error_rate", "latency_p99", "maxconn_near", "slow_fsync", "clock_skew",
	} {
		if !seen[name] {
			t.Errorf("no rule %s", name)
		}
	}
}

func TestOwnRulesOverDefaults(t *testing.T) {
	must := func(lines ...string) (rules []Rule) {
		for _, l := range lines {
			r, err := Parse(l)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, r)
		}
		return rules
	}
	got := With(must("a: cpu.busy warn > 1", "b: cpu.busy warn > 2", "c: cpu.busy warn > 3"), must("b: off", "a: cpu.busy warn > 9", "d: load.1 warn > 4"))
	text := ""
	for _, r := range got {
		text += r.String() + "; "
	}
	if text != "a: cpu.busy warn > 9; c: cpu.busy warn > 3; d: load.1 warn > 4; " {
		t.Errorf("rules %s", text)
	}
}

func TestUnits(t *testing.T) {
	for series, want := range map[string]string{
		"cpu.busy": "%", "space./.used": "%", "space./.hours": "h", "space./.avail": "bytes", "psi.io": "%", "latency.p99": "ms",
		"store.s1.p99": "ms", "node.h1.skew": "ms", "temp.x.temp1": "°C", "mem.used": "bytes", "mem.oom_kills": "", "raft.lag": "",
		"net.eth0.rx": "bytes/s", "net.eth0.drop_share": "%", "host.h1.cpu": "%", "disk.vda.util": "%", "disk.vda.await": "ms", "load.1": "",
	} {
		if got := (&Rule{Series: series}).Unit(); got != want {
			t.Errorf("unit of %s is %q, want %q", series, got, want)
		}
	}
	for _, tc := range []struct {
		v    float64
		unit string
		want string
	}{
		{92.34, "%", "92.3 %"},
		{0.25, "", "0.25"},
		{12345, "", "12345"},
		{1536, "bytes", "1.5 KiB"},
		{3 << 40, "bytes/s", "3 TiB/s"},
		{-5, "°C", "-5 °C"},
		{0, "h", "0 h"},
		{7.999, "", "8"},
	} {
		if got := Value(tc.v, tc.unit); got != tc.want {
			t.Errorf("Value(%v, %q) = %q, want %q", tc.v, tc.unit, got, tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range defaults {
		f.Add(d.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, err := Parse(line)
		if err != nil {
			return
		}
		again, err := Parse(r.String())
		if err != nil || again != r {
			t.Fatalf("%q is read as %+v, written as %q, and read as %+v, %v", line, r, r.String(), again, err)
		}
	})
}
