package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/monitor/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const epoch = int64(1_800_000_000)

// watch drives an engine over a ring in fake time.
type watch struct {
	t    *testing.T
	ring *history.Ring
	e    *Engine
	now  int64
	log  string // what changed, as "second:rule/subject=severity "
}

func watching(t *testing.T, lines ...string) *watch {
	t.Helper()
	var rules []Rule
	for _, l := range lines {
		r, err := Parse(l)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	return &watch{t: t, ring: history.NewRing(3900), e: New(rules), now: epoch}
}

// pass lets seconds go by in which the series have these values.
func (w *watch) pass(seconds int, values map[string]float64) {
	w.t.Helper()
	for range seconds {
		w.now++
		ring := w.ring.Begin(w.now)
		for name, v := range values {
			ring.Put([]byte(name), v)
		}
		ring.Close()
		for _, c := range w.e.Evaluate(w.now, w.ring) {
			w.log += fmt.Sprintf("%d:%s=%s", w.now-epoch, strings.TrimSuffix(c.ID(), "/"), c.Severity)
			if c.Gone {
				w.log += "(gone)"
			}
			w.log += " "
		}
	}
}

func (w *watch) expect(want string) {
	w.t.Helper()
	if got := strings.TrimSpace(w.log); got != want {
		w.t.Errorf("changes %q, want %q", got, want)
	}
	w.log = ""
}

func cpu(v float64) map[string]float64 { return map[string]float64{"cpu.busy": v} }

func TestRaiseAndClear(t *testing.T) {
	w := watching(t, "a: cpu.busy warn > 80 clear 70 crit > 95 clear 85")
	w.pass(5, cpu(80))
	w.expect("")
	w.pass(5, cpu(81))
	w.expect("6:a=warn")
	w.pass(5, cpu(96))
	w.expect("11:a=crit")
	w.pass(5, cpu(90)) // above its clear level
	w.expect("")
	w.pass(5, cpu(85))
	w.expect("21:a=warn")
	w.pass(5, cpu(71))
	w.expect("")
	w.pass(5, cpu(70))
	w.expect("31:a=clear")
	w.pass(2, cpu(99)) // straight to the worst
	w.pass(2, cpu(1))
	w.expect("36:a=crit 38:a=clear")
}

func TestBelow(t *testing.T) {
	w := watching(t, "a: mem.available_share warn < 10 clear 15 crit < 5 clear 10")
	for _, v := range []float64{10, 9, 4, 9, 11, 14, 15} {
		w.pass(1, map[string]float64{"mem.available_share": v})
	}
	w.expect("2:a=warn 3:a=crit 5:a=warn 7:a=clear")
}

func TestForAndDown(t *testing.T) {
	w := watching(t, "a: cpu.busy warn > 80 crit > 90 for 10s down 20s")
	w.pass(9, cpu(85))
	w.pass(1, cpu(1)) // not long enough: the count begins anew
	w.pass(10, cpu(85))
	w.expect("")
	w.pass(5, cpu(95)) // worse while it waits: that is no new beginning
	w.expect("21:a=crit")
	w.pass(5, cpu(1))
	w.pass(1, cpu(95)) // came back: it never was away
	w.pass(19, cpu(1))
	w.expect("")
	w.pass(5, cpu(1))
	w.expect("52:a=clear") // 20 s after the last time beyond
}

// TestFlapping holds that an alert that comes back within the hour must stay clear
// half as long again each time.
func TestFlapping(t *testing.T) {
	w := watching(t, "a: cpu.busy warn > 80 down 100s")
	for range 3 {
		w.pass(1, cpu(99))
		w.pass(300, cpu(1))
	}
	w.expect("1:a=warn 102:a=clear 302:a=warn 453:a=clear 603:a=warn 829:a=clear")
	w.pass(3700, cpu(1)) // an hour of peace
	w.pass(1, cpu(99))
	w.pass(150, cpu(1))
	w.expect("4604:a=warn 4705:a=clear")
}

func TestWindows(t *testing.T) {
	w := watching(t,
		"avg: cpu.busy avg 100s warn > 50",
		"max: cpu.busy max 30s warn > 90",
		"min: cpu.busy min 30s warn > 90",
		"sum: mem.oom_kills sum 100s warn > 2",
	)
	w.pass(40, map[string]float64{"cpu.busy": 99, "mem.oom_kills": 0}) // less than half of the window: no average yet
	w.expect("15:max=warn 15:min=warn")
	w.pass(20, map[string]float64{"cpu.busy": 99, "mem.oom_kills": 0})
	w.expect("50:avg=warn")
	w.pass(1, map[string]float64{"cpu.busy": 0, "mem.oom_kills": 3})
	if !strings.HasPrefix(w.log, "61:min=clear") {
		t.Errorf("changes %q", w.log)
	}
	w.log = ""
	w.pass(120, map[string]float64{"cpu.busy": 0, "mem.oom_kills": 0})
	if !strings.Contains(w.log, ":sum=warn") || !strings.Contains(w.log, "90:max=clear") || !strings.Contains(w.log, ":avg=clear") || !strings.Contains(w.log, ":sum=clear") {
		t.Errorf("changes %q", w.log)
	}
}

func TestEachSubjectByItself(t *testing.T) {
	w := watching(t, "full: space.*.used warn > 90")
	w.pass(2, map[string]float64{"space./.used": 95, "space./srv.used": 10, "space./.avail": 99})
	w.expect("1:full/=warn")
	w.pass(2, map[string]float64{"space./.used": 95, "space./srv.used": 91, "space./new.used": 1})
	w.expect("3:full//srv=warn")
	active := w.e.Active()
	if len(active) != 2 || active[0].Subject != "/srv" || active[1].Text() != "space./.used: 95 %" {
		t.Errorf("active %+v", active)
	}
}

// TestGone holds that the alert of a container that was removed does not stay for
// ever, and one of a series that is merely late does.
func TestGone(t *testing.T) {
	w := watching(t, "c: container.*.memory_share warn > 90")
	w.pass(5, map[string]float64{"container.x.memory_share": 95})
	w.pass(50, map[string]float64{"container.y.memory_share": 1})
	w.expect("1:c/x=warn")
	w.pass(30, map[string]float64{"container.y.memory_share": 1})
	w.expect("68:c/x=clear(gone)")
	if len(w.e.Active()) != 0 {
		t.Errorf("active %+v", w.e.Active())
	}
}

func TestStateOverRestarts(t *testing.T) {
	lines := []string{"a: cpu.busy warn > 80 for 10s down 20s", "full: space.*.used warn > 90", "gone: load.1 warn > 1"}
	w := watching(t, lines...)
	w.pass(12, map[string]float64{"cpu.busy": 85, "space./.used": 95, "load.1": 5})
	w.expect("1:full/=warn 1:gone=warn 11:a=warn")
	saved := w.e.Save(w.now)

	next := watching(t, lines[:2]...)
	if err := next.e.Restore(saved, w.now+30); err != nil {
		t.Fatal(err)
	}
	next.now = w.now + 30
	next.pass(5, map[string]float64{"cpu.busy": 85, "space./.used": 95})
	next.expect("") // nothing new: people know
	active := next.e.Active()
	if len(active) != 2 || active[0].Since != epoch+11 || active[1].Since != epoch+1 {
		t.Errorf("active %+v", active)
	}
	next.pass(25, map[string]float64{"cpu.busy": 5, "space./.used": 5})
	next.expect("48:full/=clear 68:a=clear")

	// What is not there any more is cleared, too, once it was looked for long enough.
	third := watching(t, lines[1])
	if err := third.e.Restore(saved, w.now); err != nil {
		t.Fatal(err)
	}
	third.now = w.now
	third.pass(70, cpu(1))
	third.expect("73:full/=clear(gone)")

	if err := third.e.Restore([]byte("{"), 0); err == nil {
		t.Error("no error for what is no state")
	}
	if err := third.e.Restore(nil, 0); err != nil {
		t.Error(err)
	}
	if err := third.e.Restore([]byte(`[null,{"rule":"full","severity":"clear"}]`), 0); err != nil {
		t.Error(err)
	}
	if got := string(New(nil).Save(0)); got != "[]" {
		t.Errorf("nothing is saved as %q", got)
	}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	w := watching(t)
	w.e = New(Defaults())
	values := map[string]float64{"cpu.busy": 10, "space./.used": 95, "raft.has_leader": 1, "net.eth0.drop_share": 0, "disk.vda.util": 3}
	w.pass(700, values)
	if n := testing.AllocsPerRun(50, func() { w.e.Evaluate(w.now, w.ring) }); n != 0 {
		t.Errorf("an evaluation allocates %v times, want 0", n)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	ring := history.NewRing(3600)
	for s := range int64(3600) {
		w := ring.Begin(epoch + s)
		for d := range 20 {
			w.Put(fmt.Appendf(nil, "disk.d%d.util", d), float64(d))
			w.Put(fmt.Appendf(nil, "net.e%d.drop_share", d), 0)
			w.Put(fmt.Appendf(nil, "backend.b%d.up", d), 1)
		}
		w.Put([]byte("cpu.busy"), 50)
		w.Close()
	}
	e := New(Defaults())
	now := epoch + 3599
	b.ReportAllocs()
	for b.Loop() {
		e.Evaluate(now, ring)
		now++
	}
}

func TestSilences(t *testing.T) {
	now := time.Unix(epoch, 0)
	ok := Silence{Rule: "full", Until: now.Add(time.Hour)}
	if err := ok.Check(now); err != nil {
		t.Error(err)
	}
	for want, s := range map[string]Silence{
		"not the name":      {Rule: "no name", Until: now.Add(time.Hour)},
		"in the past":       {Rule: "*", Until: now},
		"days away":         {Rule: "*", Until: now.Add(1000 * time.Hour)},
		"characters of tex": {Rule: "*", Until: now.Add(time.Hour), Why: strings.Repeat("x", 400)},
	} {
		if err := s.Check(now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
	a := &Alert{Rule: "full", Subject: "/"}
	for _, tc := range []struct {
		s    Silence
		at   time.Time
		want bool
	}{
		{ok, now, true},
		{ok, now.Add(time.Hour), false},
		{Silence{Rule: "*", Until: now.Add(time.Hour)}, now, true},
		{Silence{Rule: "other", Until: now.Add(time.Hour)}, now, false},
		{Silence{Rule: "full", Subject: "/", Until: now.Add(time.Hour)}, now, true},
		{Silence{Rule: "full", Subject: "/srv", Until: now.Add(time.Hour)}, now, false},
		{Silence{Rule: "full", Node: "h1", Until: now.Add(time.Hour)}, now, true},
		{Silence{Rule: "full", Node: "h2", Until: now.Add(time.Hour)}, now, false},
	} {
		if got := Silenced([]Silence{{Rule: "x"}, tc.s}, a, "h1", tc.at); got != tc.want {
			t.Errorf("%+v covers %v", tc.s, got)
		}
	}
	if ok.ID() == (Silence{Rule: "full", Subject: "/"}).ID() {
		t.Error("one ID for two silences")
	}
}

func TestTexts(t *testing.T) {
	for want, a := range map[string]Alert{
		"space used on /: 95 %":           {About: "space used on", Subject: "/", Value: 95, Unit: "%"},
		"CPU busy: 92 %":                  {About: "CPU busy", Value: 92, Unit: "%"},
		"disk.vda.util: 3":                {About: "disk.vda.util", Series: "disk.vda.util", Subject: "vda", Value: 3},
		"backend c1 is down":              {About: "backend {s} is down", Subject: "c1"},
		"the stores have no leader":       {About: "the stores have no leader{}"},
		"store {v} lags 7 entries behind": {About: "store {s} lags {v} entries behind", Subject: "{v}", Value: 7}, // a name is no template
	} {
		if got := a.Text(); got != want {
			t.Errorf("text %q, want %q", got, want)
		}
	}
}

// TestClockSetBack: what an alert waits for takes as long as ever.
func TestClockSetBack(t *testing.T) {
	w := watching(t, "up: cpu.busy crit > 90 for 10s down 20s", "gone: mem.used crit > 5")
	back := func() {
		w.now -= 3000
		w.ring.Rewind(w.now + 1)
		w.e.Rewind(w.now + 1)
	}
	w.pass(3001, map[string]float64{"cpu.busy": 99, "mem.used": 9})
	w.expect("1:gone=crit 11:up=crit")
	w.pass(5, cpu(1))
	back()
	w.pass(25, cpu(1))
	w.expect("27:up=clear")
	w.pass(gone, cpu(1))
	w.expect(fmt.Sprintf("%d:gone=clear(gone)", 9+gone)) // what the ring has of the last two seconds counts
	w.pass(5, cpu(99))
	back()
	began := w.now - epoch + 1
	w.pass(30, cpu(99))
	w.expect(fmt.Sprintf("%d:up=crit", began+10))
}
