package load

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/session"
	"pingd/integration/bench/stats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaultsByName(t *testing.T) {
	for _, name := range faultNames {
		var f fault
		if err := f.UnmarshalText([]byte(name)); err != nil || f != name {
			t.Errorf("%s is %s, %v", name, f, err)
		}
	}
	for _, name := range []string{"", "kill", "KILL-LEADER", "kill-leader ", "kill-leader,none"} {
		f := noFault
		if err := f.UnmarshalText([]byte(name)); err == nil || f != noFault || !strings.Contains(err.Error(), "hint: one of kill-leader, ") {
			t.Errorf("%q is %s, %v", name, f, err)
		}
	}
}

// TestFaultsAreSpread holds that n faults cut the time into n+1 parts, and that none of
// them is none.
func TestFaultsAreSpread(t *testing.T) {
	for _, test := range []struct {
		faults []fault
		n      int
		every  time.Duration
	}{
		{nil, 0, 12 * time.Second},
		{[]fault{noFault, noFault}, 0, 12 * time.Second},
		{[]fault{killLeader}, 1, 6 * time.Second},
		{[]fault{killLeader, noFault, pauseLeader, stopCounter}, 3, 3 * time.Second},
	} {
		c := &Command{Fault: test.faults, For: 12 * time.Second}
		in := newInjector(c, slog.New(slog.DiscardHandler), nil, drive.NewRecorder(0))
		if len(in.faults) != test.n || in.every != test.every || len(c.Fault) != len(test.faults) {
			t.Errorf("%v: %v each %s, the command's own are %v", test.faults, in.faults, in.every, c.Fault)
		}
		if test.n == 0 {
			if err := in.run(t.Context()); err != nil || in.reports() != nil {
				t.Errorf("nothing to do: %v, %v", err, in.reports())
			}
		}
	}
}

func TestPrint(t *testing.T) {
	full := Report{
		Clients: 5, Seconds: 1.5, Account: stats.Account{Acked: 1000, Lost: 2, Duplicates: 1, Unclaimed: 7}, Verified: true,
		Errors: 3, ErrorKinds: map[string]int64{"timeout": 2, "refused": 1}, LongestGap: 250,
		Faults: []FaultReport{{killLeader, "store1", 0.5, 249}},
	}
	for name, test := range map[string]struct {
		change       func(*Report)
		want, absent []string
	}{
		"verified":     {func(*Report) {}, []string{"acked       1,000", "lost        2", "unclaimed   7", "1 x refused", "longest gap 250 ms", "kill-leader  store1 at 0.5 s: longest gap 249 ms"}, []string{"not compared"}},
		"not verified": {func(r *Report) { r.Verified = false }, []string{"not compared with the counter's value"}, []string{"unclaimed"}},
	} {
		r := full
		test.change(&r)
		var out bytes.Buffer
		if err := r.print(&session.Session{Stdout: &out}); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, &out)
			}
		}
		for _, absent := range test.absent {
			if strings.Contains(out.String(), absent) {
				t.Errorf("%s: %q in\n%s", name, absent, &out)
			}
		}
		if !r.Verified && (r.Unclaimed != 0 || r.Final != 0) {
			t.Errorf("%s: what nobody compared is told: %+v", name, r.Account)
		}
	}
}
