package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pingd/integration/bench/session"
	libraries "pingd/integration/clients"
	"pingd/integration/procs"
)

// at makes acknowledgements of alternating milliseconds and numbers.
func at(pairs ...int64) (acks []ack) {
	for i := 0; i < len(pairs); i += 2 {
		acks = append(acks, ack{time.Duration(pairs[i]) * time.Millisecond, pairs[i+1]})
	}
	return acks
}

func TestLasting(t *testing.T) {
	for _, tt := range []struct {
		name  string
		acks  []ack
		final int64
		want  int64 // ms
	}{
		{"none", nil, 0, 0},
		{"all kept", at(20, 1, 40, 2, 60, 3), 3, 0},
		{"all kept, and an increment that nobody was told of", at(20, 1, 40, 3, 60, 4), 4, 0},
		{"the value went back: numbers come again", at(20, 1, 40, 2, 60, 3, 500, 2, 520, 3), 3, 500},
		{"the value went back and others got the numbers", at(20, 1, 40, 2, 60, 3, 500, 2), 2, 500},
		{"the end is lost", at(20, 1, 40, 2, 60, 3), 2, 60},
		{"lost twice", at(20, 1, 40, 2, 60, 2, 80, 3, 100, 3, 120, 4), 4, 100},
	} {
		if got := lasting(tt.acks, tt.final).Milliseconds(); got != tt.want {
			t.Errorf("%s: %d ms, want %d", tt.name, got, tt.want)
		}
	}
}

func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		name          string
		acks          []ack
		start, end    int64
		longest, over int64
	}{
		{"nothing was acknowledged", nil, 50, 200, 200, 200},
		{"one silence", at(20, 1, 40, 2, 340, 3, 360, 4), 50, 370, 300, 340},
		{"one that began before", at(20, 1, 340, 2, 360, 3), 100, 370, 320, 340},
		{"one before the fault is none", at(20, 1, 900, 2, 920, 3, 960, 4, 980, 5), 930, 985, 40, 960},
		{"the last one is not over", at(20, 1, 40, 2), 30, 500, 460, 500},
		{"one after the end does not count", at(20, 1, 40, 2, 60, 3, 900, 4), 30, 70, 20, 40},
		{"a later one, a little longer by chance", at(20, 1, 200, 2, 220, 3, 420, 4, 440, 5), 30, 445, 200, 200},
		{"a short one before the long one", at(20, 1, 60, 2, 500, 3, 520, 4), 30, 525, 440, 500},
	} {
		ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
		longest, over := silence(tt.acks, ms(tt.start), ms(tt.end))
		if longest != ms(tt.longest) || over != ms(tt.over) {
			t.Errorf("%s: %v, over at %v; want %d and %d ms", tt.name, longest, over, tt.longest, tt.over)
		}
	}
}

// A fail-over after which a library goes on writing to the old master for a while.
func TestSeen(t *testing.T) {
	ta := newTally()
	for _, n := range []int64{1, 2, 3, 4, 5, 6, 3, 4} {
		if err := ta.Ack(n); err != nil {
			t.Fatal(err)
		}
	}
	ta.Fail("closed")
	ta.acks = at(20, 1, 40, 2, 60, 3, 80, 4, 100, 5, 120, 6, 300, 3, 320, 4)
	s := seen{fault: 50 * time.Millisecond, end: 330 * time.Millisecond}
	s.close(ta, 5)
	want := Counts{Acked: 8, Missing: 3, Twice: 2, Errors: 1}
	if s.Counts != want {
		t.Errorf("counted %+v, want %+v", s.Counts, want)
	}
	if s.gap != 180*time.Millisecond || s.again != 250*time.Millisecond {
		t.Errorf("silent for %v, again after %v; want 180 and 250 ms", s.gap, s.again)
	}
}

// filled is a report of two rounds.
func filled() *Report {
	r := &Report{Notes: []string{"a note"}}
	for _, system := range []string{"redis-sentinel", "pingd", "pingd", "redis-sentinel"} {
		for _, name := range []string{"go-redis", "redis-py"} {
			s := seen{Counts: Counts{Acked: 1000, Untold: 1}, gap: 100 * time.Millisecond, again: 90 * time.Millisecond}
			if system == "redis-sentinel" {
				s.Missing, s.Twice, s.gap, s.again, s.stuck = 40, 10, 2*time.Second, 9*time.Second, name == "redis-py"
			}
			r.figure(failover, &libraries.Library{Name: name}, system).add(s)
		}
	}
	r.compare()
	return r
}

func TestReport(t *testing.T) {
	var out bytes.Buffer
	if err := filled().print(&session.Session{Stdout: &out}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"a note",
		"failover go-redis pingd 2,000 0 0 2 0 100 100 100 90.0 90.0 90.0 0 failover go-redis redis-sentinel 2,000 80 20 2 0 2000 2000 2000 9000 9000 9000 0",
		"failover redis-py redis-sentinel 2,000 80 20 2 0 2000 2000 2000 9000 9000 9000 2",
		"failover go-redis 20.0 100.0 failover redis-py 20.0 100.0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not in the report: %s\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := filled().print(&session.Session{Stdout: &out, Flags: session.Flags{JSON: true}}); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back.Figures) != 4 || back.Figures[1].Missing != 80 || back.Ratios[1].Gap != 20 {
		t.Errorf("as JSON %s\n%v", out.String(), err)
	}
	if ours, theirs := back.missing("pingd"), back.missing("redis-sentinel"); ours != 0 || theirs != 160 {
		t.Errorf("missing %d and %d, want 0 and 160", ours, theirs)
	}
}

func TestValidate(t *testing.T) {
	good := Command{Only: []string{"pingd"}, Libraries: []string{"ioredis-5", "go-redis"}, Faults: []string{"kill"}, Rounds: 1, Patience: 1, DownAfter: 1}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := Command{Only: []string{"etcd"}, Libraries: []string{"jedis"}, Faults: []string{"flood"}}
	err := bad.Validate()
	for _, want := range []string{"--only=etcd: unknown system", "--libraries=jedis: unknown library", "redis-py", "--faults=flood: unknown fault", "failover,kill", "--rounds=0", "hint:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not said: %s in %v", want, err)
		}
	}
}

// One library through one hand-over, as the command does it.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	c := Command{
		Only: []string{"pingd"}, Libraries: []string{"redis-py"}, Faults: []string{failover},
		Rounds: 1, Patience: time.Minute, DownAfter: time.Second,
	}
	env := &session.Session{Stdout: &out, Log: slog.New(slog.DiscardHandler), Flags: session.Flags{JSON: true}}
	err := c.Run(t.Context(), env)
	if errors.Is(err, errNoLibrary) && os.Getenv("PINGD_TEST_ALL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || len(r.Figures) != 1 {
		t.Fatalf("%v\n%s", err, out.String())
	}
	f := r.Figures[0]
	if f.Acked < 20 || f.Missing != 0 || f.Stuck != 0 || len(f.Gaps) != 1 || f.Gaps[0] <= 0 || !strings.HasPrefix(f.Version, "redis-py ") {
		t.Errorf("%+v", f)
	}
}

// A library whose program is not there is left out, and the report says what to
// install; without any library there is nothing to measure.
func TestFindSaysWhatIsMissing(t *testing.T) {
	path, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // with nothing but Go
	if err := os.Symlink(path, filepath.Join(dir, "go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	env := &session.Session{Log: slog.New(slog.DiscardHandler)}
	lab := procs.ForTest(t)
	report := &Report{Notes: []string{"a note"}}
	c := Command{Libraries: []string{"ioredis"}}
	_, err = c.find(t.Context(), env, lab, report)
	if !errors.Is(err, errNoLibrary) || !strings.Contains(err.Error(), "nodejs and npm") {
		t.Errorf("found %v", err)
	}
}
