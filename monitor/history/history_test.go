package history

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pingd/monitor/history/chunk"
)

// epoch is a whole hour; tests live in seconds after it.
const epoch = int64(1_800_000_000) - 1_800_000_000%3600

// life drives a History through fake time: nothing in it reads a clock.
type life struct {
	*History
	t   *testing.T
	now int64
}

func begin(t *testing.T, cfg Config, now int64) *life {
	t.Helper()
	h, err := Open(cfg, time.Unix(now, 0))
	if err != nil {
		t.Fatal(err)
	}
	l := &life{h, t, now}
	t.Cleanup(func() { l.end(false) })
	return l
}

// end ends this life: in good order, or as kill -9 would.
func (l *life) end(orderly bool) {
	l.t.Helper()
	if l.lock == nil {
		return
	}
	if orderly {
		l.finish(l.now)
		if err := l.Close(); err != nil {
			l.t.Error(err)
		}
		return
	}
	_ = l.lock.Close() // what the kernel does for a process that is gone
	if l.log != nil {
		_ = l.log.Close()
	}
	l.lock = nil
}

// wave is what series "wave" has at second t.
func wave(t int64) float64 { return float64(t%97) + 10*math.Sin(float64(t)/500) }

// pass lets seconds go by, with a number in each.
func (l *life) pass(seconds int) {
	l.t.Helper()
	for range seconds {
		l.now++
		w := l.Begin(l.now)
		w.Put([]byte("wave"), wave(l.now))
		w.Put([]byte("still"), 7)
		w.Close()
		if l.now%60 == 3 {
			l.Minute(l.now)
		}
	}
}

// expect holds that the points of wave are right: those of every step whose seconds
// were all written, from to to, and that the others are gaps or made of a part.
func (l *life) expect(q Query, from, to int64, tolerance float64) {
	l.t.Helper()
	all, err := l.Points([]string{"wave", "nothing"}, q)
	if err != nil {
		l.t.Fatal(err)
	}
	whole := 0
	for i, p := range all[0] {
		at := q.From + int64(i)*q.Step
		if at < from || at+q.Step-1 > to {
			continue
		}
		whole++
		least, greatest, sum := math.Inf(1), math.Inf(-1), 0.0
		for t := at; t < at+q.Step; t++ {
			v := wave(t)
			least, greatest, sum = min(least, v), max(greatest, v), sum+v
		}
		avg := sum / float64(q.Step)
		off := func(a float32, b float64) bool { return !(math.Abs(float64(a)-b) <= tolerance*(1+math.Abs(b))) }
		if off(p.Min, least) || off(p.Avg, avg) || off(p.Max, greatest) {
			l.t.Fatalf("at %+d s, step %d: %v, want %.3f %.3f %.3f", at-epoch, q.Step, p, least, avg, greatest)
		}
	}
	if whole == 0 {
		l.t.Errorf("no point of %+v lies between %+d and %+d", q, from-epoch, to-epoch)
	}
	if slices.ContainsFunc(all[1], func(p chunk.Point) bool { return !p.Empty() }) {
		l.t.Error("a series that is not has points")
	}
}

func TestEveryResolution(t *testing.T) {
	l := begin(t, Config{Dir: t.TempDir()}, epoch)
	l.pass(3*3600 + 200)
	for _, q := range []Query{
		{l.now - 299, l.now, 1},
		{l.now - 3600, l.now, 1},
		{l.now - 3600, l.now, 7},
		{l.now - 3*3600, l.now, 10},
		{epoch, l.now, 60},
		{epoch - 7200, l.now, 600},
	} {
		l.expect(l.Fit(q), epoch+1, l.now, 0.001)
	}
	if got := l.NamesIn(epoch); !slices.Equal(got, []string{"still", "wave"}) {
		t.Errorf("names %q", got)
	}
	if got := l.NamesIn(epoch, "w*"); !slices.Equal(got, []string{"wave"}) {
		t.Errorf("names %q", got)
	}
}

func TestFit(t *testing.T) {
	l := begin(t, Config{Dir: t.TempDir(), Keep: 48 * time.Hour}, epoch+86400)
	l.pass(10)
	for _, tc := range []struct{ q, want Query }{
		{Query{l.now - 5, l.now, 1}, Query{l.now - 5, l.now, 1}},
		{Query{l.now - 5, l.now + 99, 0}, Query{l.now - 5, l.now, 1}},
		{Query{l.now - 3600, l.now, 1}, Query{l.now - 3600 - (l.now-3600)%10, l.now, 10}},
		{Query{l.now - 90000, l.now, 30}, Query{l.now - 90000 - (l.now-90000)%60, l.now, 60}},
		{Query{-5, l.now, 600}, Query{l.now - 172800 - (l.now-172800)%600, l.now, 600}},
	} {
		if got := l.Fit(tc.q); got != tc.want {
			t.Errorf("Fit(%+v) = %+v, want %+v", tc.q, got, tc.want)
		}
	}
	memory := begin(t, Config{}, epoch)
	memory.pass(10)
	if got := memory.Fit(Query{0, memory.now, 1}); got.From != epoch {
		t.Errorf("memory begins %+d", got.From-epoch)
	}
	if memory.OnDisk() || memory.Reach() != memory.Span() {
		t.Error("memory is on a disk")
	}
}

func TestSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Config{Dir: dir}, epoch)
	l.pass(5*3600 + 1234)
	l.end(true)
	next := begin(t, Config{Dir: dir}, l.now+5)
	next.pass(30)
	next.expect(next.Fit(Query{l.now - 3000, l.now, 1}), epoch+1, l.now, 0.001)
	next.expect(next.Fit(Query{epoch, l.now, 60}), epoch+1, l.now, 0.001)
	if got, _ := next.Points([]string{"wave"}, Query{l.now + 1, l.now + 5, 1}); !got[0][0].Empty() {
		t.Errorf("the seconds it was away are %v", got[0])
	}
}

// TestSurvivesAKill holds that a process that is killed loses the running minute at
// most.
func TestSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Config{Dir: dir}, epoch)
	l.pass(3600 + 59*60 + 50)
	l.end(false)
	written := l.now - l.now%60 - 1
	next := begin(t, Config{Dir: dir}, l.now+600) // in the next hour: what is over is archived
	next.expect(next.Fit(Query{written - 3000, written, 1}), epoch+1, written, 0.001)
	next.pass(120)
	next.end(false)
	late := begin(t, Config{Dir: dir}, l.now+5*3600) // memory does not reach back so far
	late.pass(1)
	late.Minute(late.now)
	late.expect(late.Fit(Query{epoch, written, 10}), epoch+1, written, 0.001)
}

func TestTornAndChangedFrames(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Config{Dir: dir}, epoch)
	l.pass(600)
	l.end(false)
	logs, _ := filepath.Glob(filepath.Join(dir, "head-*.log"))
	if len(logs) != 1 {
		t.Fatalf("logs %q", logs)
	}
	info, err := os.Stat(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(logs[0], info.Size()-7); err != nil { // a power cut within the last frame
		t.Fatal(err)
	}
	next := begin(t, Config{Dir: dir}, l.now+1)
	next.expect(next.Fit(Query{epoch + 60, l.now, 1}), epoch+60, l.now-121, 0.001)
	next.pass(300) // and it goes on behind the last whole one
	next.end(false)
	third := begin(t, Config{Dir: dir}, next.now+1)
	third.expect(third.Fit(Query{l.now + 60, next.now, 1}), l.now+60, next.now-63, 0.001)

	third.end(false)
	b, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	b[20] ^= 0x40 // in the first frame: all of the file is lost, and nothing else
	if err := os.WriteFile(logs[0], b, 0o640); err != nil {
		t.Fatal(err)
	}
	fourth := begin(t, Config{Dir: dir}, next.now+1)
	fourth.pass(61)
	if s := fourth.Stats(); s.Problem != "" {
		t.Errorf("problem %q", s.Problem)
	}
}

func TestOneOwner(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Config{Dir: dir}, epoch)
	if _, err := Open(Config{Dir: dir}, time.Unix(epoch, 0)); !errors.Is(err, ErrInUse) {
		t.Errorf("a second owner gets %v", err)
	}
	l.end(true)
	begin(t, Config{Dir: dir}, epoch)
	if _, err := Open(Config{Dir: "/dev/null/x"}, time.Unix(epoch, 0)); err == nil || !strings.Contains(err.Error(), "/dev/null") {
		t.Errorf("a directory that can not be made: %v", err)
	}
}

// TestAtMostOneSyncAMinute counts over a day and a night.
func TestAtMostOneSyncAMinute(t *testing.T) {
	l := begin(t, Config{Dir: t.TempDir()}, epoch+1800)
	const hours = 7
	l.pass(hours * 3600)
	s := l.Stats()
	if s.Syncs > hours*60 {
		t.Errorf("%d syncs in %d minutes", s.Syncs, hours*60)
	}
	if s.Syncs < hours*50 || s.Seals < hours-1 || s.Failures > 0 {
		t.Errorf("stats %+v: is it written at all?", s)
	}
}

func TestNearlyFullDisk(t *testing.T) {
	dir := t.TempDir()
	free := int64(10 << 30)
	cfg := Config{Dir: dir, space: func(string) (int64, int64, error) { return free, 20 << 30, nil }}
	l := begin(t, cfg, epoch)
	l.pass(300)
	before := l.Stats()
	free = 1<<30 - 1 // of 20 GiB one is left alone
	l.pass(300)
	l.Note(l.now, 1, []byte("x"))
	l.flush()
	full := l.Stats()
	if full.Frames != before.Frames || !strings.Contains(full.Problem, "MiB left") {
		t.Errorf("a disk that is nearly full is written to: %+v, then %+v", before, full)
	}
	l.expect(l.Fit(Query{epoch + 1, l.now, 1}), epoch+1, l.now, 1e-6) // memory has it all
	free = 1<<30 + 1<<20
	l.pass(60)
	if s := l.Stats(); s.Frames != before.Frames {
		t.Error("it flaps")
	}
	free = 2 << 30
	l.pass(120)
	if s := l.Stats(); s.Frames == before.Frames || s.Problem != "" {
		t.Errorf("there is room again, and %+v", s)
	}
}

func TestNotesAndWhatIsKept(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Config{Dir: dir}, epoch)
	say := func(l *life, n uint64) { l.Note(l.now, n, fmt.Appendf(nil, "note %d", n)) }
	l.pass(60)
	say(l, 1)
	l.Keep(l.now, 'a', []byte("first"))
	l.Keep(l.now, 'a', []byte("second"))
	l.Keep(l.now, 'b', []byte("other"))
	l.flush()
	l.end(false)
	next := begin(t, Config{Dir: dir}, l.now+1)
	if got := string(next.Kept('a')) + string(next.Kept('b')) + string(next.Kept('c')); got != "secondother" {
		t.Errorf("kept %q", got)
	}
	say(next, 2)
	next.pass(5 * 3600) // through many files of the log
	say(next, 3)
	next.flush()
	next.end(false)
	last := begin(t, Config{Dir: dir}, next.now+1)
	if got := fmt.Sprintf("%s", last.Notes()); got != "[note 1 note 2 note 3]" {
		t.Errorf("notes %s", got)
	}
	if got := string(last.Kept('a')); got != "second" {
		t.Errorf("kept %q after files went", got)
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "head-*.log"))
	if len(logs) > 3 {
		t.Errorf("files of the log pile up: %q", logs)
	}
}

// TestLateSeconds fills seconds that were missed, as a monitor does that was cut off.
func TestLateSeconds(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Config{Dir: dir}, epoch)
	l.pass(3600 + 300)
	const from, to = epoch + 3000, epoch + 3299 // in an hour that is archived by now
	for s := int64(from); s <= to; s++ {
		w := l.Begin(s)
		w.Put([]byte("late"), 5)
		w.Close()
	}
	if v, ok := l.Value("wave"); !ok || v != float64(float32(wave(l.now))) {
		t.Errorf("writing the past changed the present: %v", v)
	}
	l.Rewrite(from, to)
	l.pass(600)
	l.end(false)
	late := begin(t, Config{Dir: dir}, epoch+6*3600)
	late.pass(1)
	late.Minute(late.now)
	got, err := late.Points([]string{"late"}, Query{from, to, 10})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range got[0] {
		if p.Avg != 5 {
			t.Fatalf("point %d of the late seconds is %v", i, p)
		}
	}
	late.expect(Query{epoch, to, 60}, epoch+1, to, 0.001)
}

// TestDamagedArchive holds that a file bbolt can not read costs that file only.
func TestDamagedArchive(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, Config{Dir: dir}, epoch)
	l.pass(2*3600 + 60)
	l.end(true)
	week, _ := filepath.Glob(filepath.Join(dir, "1m-*.db"))
	if len(week) != 1 {
		t.Fatalf("files %q", week)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"cut":      func(b []byte) []byte { return b[:len(b)/2] },
		"empty":    func([]byte) []byte { return []byte{} },
		"no bbolt": func([]byte) []byte { return slices.Repeat([]byte("x"), 1<<16) },
		"zeros behind the head": func(b []byte) []byte {
			clear(b[2*16384:])
			return b
		},
	} {
		b, err := os.ReadFile(week[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(week[0], damage(b), 0o640); err != nil {
			t.Fatal(err)
		}
		again := begin(t, Config{Dir: dir}, l.now+60)
		again.pass(3600)
		if s := again.Stats(); s.Problem != "" || s.Seals == 0 {
			t.Errorf("%s: %+v", name, s)
		}
		again.expect(Query{again.now - 3000, again.now, 60}, epoch+1, again.now, 0.001)
		again.end(true)
		l.now = again.now
	}
}

func TestHistoryWhenTheClockJumps(t *testing.T) {
	l := begin(t, Config{Dir: t.TempDir()}, epoch)
	l.pass(300)
	l.now += 86400 // asleep
	l.pass(300)
	l.now -= 7200 // set back
	l.pass(300)
	if s := l.Stats(); s.Problem != "" {
		t.Errorf("problem %q", s.Problem)
	}
	l.expect(l.Fit(Query{l.now - 100, l.now, 1}), l.now-200, l.now, 1e-6)
}
