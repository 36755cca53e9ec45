package archive

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"pingd/monitor/history/chunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const week = int64(7 * 86400)

// at is the start of a week.
const at = week * 2977

func points(values ...float32) []chunk.Point {
	out := make([]chunk.Point, len(values))
	for i, v := range values {
		out[i] = chunk.Point{Min: v - 1, Avg: v, Max: v + 1}
		if v != v {
			out[i] = chunk.Gap
		}
	}
	return out
}

func one(name string, p []chunk.Point) iter.Seq2[string, []chunk.Point] {
	return func(yield func(string, []chunk.Point) bool) { yield(name, p) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read writes what a level has as "second:average ...".
func read(t *testing.T, a *Archive, l Level, name string, from, to int64) string {
	t.Helper()
	out := ""
	must(t, a.Read(l, []string{"other", name}, from, to, func(i int, s int64, p chunk.Point) {
		if i != 1 || p.Min != p.Avg-1 || p.Max != p.Avg+1 {
			t.Errorf("series %d has %v", i, p)
		}
		out += fmt.Sprintf("%d:%g ", s-at, p.Avg)
	}))
	return out
}

func TestMergeLaysOver(t *testing.T) {
	a := Open(t.TempDir())
	nan := float32(math.NaN())
	must(t, a.Merge(Minute, at+600, one("x", points(1, 2, 3))))
	must(t, a.Merge(Minute, at+660, one("x", points(nan, 9, 10))))
	must(t, a.Merge(Minute, at+week-60, one("x", points(7))))
	must(t, a.Merge(Minute, at+week, one("x", points(8))))   // another file
	must(t, a.Merge(Minute, at, one("y", points(nan, nan)))) // nothing to keep
	must(t, a.Merge(Minute, at, one("", points(1))))         // no name to keep it under
	if got := read(t, a, Minute, "x", at, at+2*week); got != "600:1 660:2 720:9 780:10 604740:7 604800:8 " {
		t.Errorf("points %s", got)
	}
	if got := read(t, a, Minute, "x", at+660, at+720); got != "660:2 720:9 " {
		t.Errorf("a part of them %s", got)
	}
	if got := read(t, a, Seconds10, "x", at, at+week); got != "" {
		t.Errorf("another level has %s", got)
	}
	names, err := a.Names(Minute, at, at+2*week)
	if err != nil || !slices.Equal(names, []string{"x"}) {
		t.Errorf("names %q, %v", names, err)
	}
	if names, _ = a.Names(Minute, at+2*week, at+3*week); len(names) != 0 {
		t.Errorf("names %q of a week without a file", names)
	}
	if got := a.Oldest(Minute); got != at {
		t.Errorf("oldest %+d", got-at)
	}
	if got := a.Oldest(Seconds10); got != 0 {
		t.Errorf("oldest of nothing %d", got)
	}
}

func TestNotes(t *testing.T) {
	a := Open(t.TempDir())
	note := func(n uint64) Note { return Note{n, fmt.Appendf(nil, "n%d", n)} }
	none := func(func(string, []chunk.Point) bool) {}
	must(t, a.Merge(Minute, at, none, note(1), note(2)))
	must(t, a.Merge(Minute, at, none, note(2), note(3)))
	must(t, a.Merge(Minute, at+week, none, note(300)))
	text := func(limit int) (s string) {
		list, err := a.NewestNotes(limit)
		must(t, err)
		for _, n := range list {
			s += fmt.Sprintf("%d=%s ", n.Number, n.Text)
		}
		return s
	}
	if got := text(10); got != "1=n1 2=n2 3=n3 300=n300 " {
		t.Errorf("notes %s", got)
	}
	if got := text(2); got != "3=n3 300=n300 " {
		t.Errorf("newest notes %s", got)
	}
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	now := at + 3*week + 100
	file := func(l Level, s int64) string { return l.fileName(s) }
	plant := func() {
		for _, name := range []string{
			file(Minute, now), file(Minute, now-week), file(Minute, now-2*week), file(Minute, now-3*week),
			file(Seconds10, now), file(Seconds10, now-86400), file(Seconds10, now-2*86400), "lock", "1m-x.db", "1m-5.db.damaged",
		} {
			must(t, os.WriteFile(filepath.Join(dir, name), make([]byte, 100), 0o640))
		}
	}
	left := func() (names []string) {
		all, err := Open(dir).files()
		must(t, err)
		for _, f := range all {
			names = append(names, filepath.Base(f.path))
		}
		slices.Sort(names)
		return names
	}
	sorted := func(names ...string) []string { slices.Sort(names); return names }

	plant()
	size, gone, err := Open(dir).Prune(now, 2*week, 1<<20)
	must(t, err)
	if want := sorted(file(Minute, now), file(Minute, now-week), file(Minute, now-2*week), file(Seconds10, now), file(Seconds10, now-86400)); !slices.Equal(left(), want) || size != 500 || gone != 2 {
		t.Errorf("left %q (%d bytes, %d gone), want %q", left(), size, gone, want)
	}
	plant()
	size, _, err = Open(dir).Prune(now, 10*week, 350)
	must(t, err)
	if want := sorted(file(Minute, now), file(Seconds10, now), file(Seconds10, now-86400)); !slices.Equal(left(), want) || size != 300 {
		t.Errorf("beyond the limit: left %q (%d bytes), want %q", left(), size, want)
	}
	size, _, err = Open(dir).Prune(now, 10*week, 0)
	must(t, err)
	if want := sorted(file(Minute, now), file(Seconds10, now)); !slices.Equal(left(), want) || size != 200 {
		t.Errorf("what is written to must stay: left %q (%d bytes), want %q", left(), size, want)
	}
}

// month is a day of minutes of one of 500 series as they are on a machine: half of
// them hardly ever change, some move slowly, the others all the time.
func month(series, day int, p []chunk.Point) []chunk.Point {
	r := rand.New(rand.NewPCG(uint64(series), uint64(day)))
	for i := range 1440 {
		x := float64(day*1440 + i)
		var v, spread float64
		switch {
		case series%10 < 5: // constant, or a rare step
			v = float64(series)
			if series%10 == 0 && r.IntN(200) == 0 {
				v++
			}
		case series%10 < 7: // gauges: memory, space, connections
			v = 1e9 + 2e8*math.Sin(x/700+float64(series)) + 1e6*r.NormFloat64()
			spread = 2e6 * r.Float64()
		default: // rates and latencies
			v = max(0, 40+25*math.Sin(x/230)+8*r.NormFloat64())
			spread = 20 * r.ExpFloat64()
		}
		p = append(p, chunk.Point{Min: float32(max(0, v-spread)), Avg: float32(v), Max: float32(v + 2*spread)})
	}
	return p
}

// maxMonth is promised of minutes of 500 series over 30 days.
const maxMonth = 90 << 20

// TestMonthOf500Series writes a month as a monitor does, an hour at a time, and
// holds what it takes on disk.
func TestMonthOf500Series(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("writes a month")
	}
	dir := t.TempDir()
	a := Open(dir)
	var day []chunk.Point
	const days = 7 // a file; a month has the part of a fifth
	for d := range days {
		all := make([][]chunk.Point, 500)
		for s := range all {
			all[s] = month(s, d, nil)
		}
		// In four pieces, so that a file keeps the marks of being rewritten.
		for piece := range 4 {
			must(t, a.Merge(Minute, at+int64(d)*86400+int64(piece)*6*3600, func(yield func(string, []chunk.Point) bool) {
				for s := range all {
					day = append(day[:0], all[s][piece*360:(piece+1)*360]...)
					if !yield(fmt.Sprintf("series.%03d.value", s), day) {
						return
					}
				}
			}))
		}
	}
	size, _, err := a.Prune(at, 1<<40, 1<<40)
	must(t, err)
	whole := size * 30 / days
	t.Logf("500 series, 30 days of minutes: %.1f MiB, %.2f bytes a point of three values", float64(whole)/(1<<20), float64(size)/(500*1440*days))
	if whole > maxMonth {
		t.Errorf("a month takes %d MiB, at most %d are promised", whole>>20, maxMonth>>20)
	}
}
