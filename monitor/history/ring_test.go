package history

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pingd/monitor/history/chunk"

	"pgregory.net/rapid"
)

func put(r *Ring, t int64, name string, v float64) {
	w := r.Begin(t)
	w.Put([]byte(name), v)
	w.Close()
}

func TestRangeReducesToMinAvgMax(t *testing.T) {
	r := NewRing(600)
	for i := range int64(10) {
		put(r, 1000+i, "a", float64(i))
	}
	got := r.Range("a", 1000, 1009, 5)
	want := []chunk.Point{{Min: 0, Avg: 2, Max: 4}, {Min: 5, Avg: 7, Max: 9}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("points %v, want %v", got, want)
	}
	if v, ok := r.Value("a"); !ok || v != 9 {
		t.Errorf("value %v %v", v, ok)
	}
	if p := r.Range("nothing", 1000, 1001, 1); len(p) != 2 || p[0].Avg == p[0].Avg {
		t.Errorf("an unknown series gives gaps, got %v", p)
	}
	if p := r.Range("a", 5, 4, 1); p != nil {
		t.Errorf("empty stretch gives %v", p)
	}
}

func TestGapsAndOldRounds(t *testing.T) {
	r := NewRing(300)
	put(r, 1000, "a", 1)
	put(r, 1003, "a", 4)
	p := r.Range("a", 1000, 1003, 1)
	if p[0].Avg != 1 || p[1].Avg == p[1].Avg || p[3].Avg != 4 {
		t.Errorf("points %v", p)
	}
	// One round later the old numbers must not show through.
	put(r, 1000+r.Span()+1, "b", 1)
	if p := r.Range("a", 1000, 1001, 1); p[0].Avg == p[0].Avg || p[1].Avg == p[1].Avg {
		t.Errorf("an hour old: %v", p)
	}
	put(r, 1003+2*r.Span(), "b", 1)
	put(r, 1003+3*r.Span(), "b", 1)
	if names := r.Names(); len(names) != 1 || names[0] != "b" {
		t.Errorf("series %v, want the dead one dropped", names)
	}
}

func TestNotNumbersAreGaps(t *testing.T) {
	r := NewRing(300)
	for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		put(r, int64(1000+i), "a", v)
	}
	if r.Len() != 0 {
		t.Errorf("%d series", r.Len())
	}
}

func TestClockThatJumps(t *testing.T) {
	r := NewRing(300)
	put(r, 5000, "a", 1)
	put(r, 100, "a", 2) // far back: starts anew
	if _, newest := r.Bounds(); newest != 100 {
		t.Errorf("newest %d, want 100", newest)
	}
	put(r, 99, "a", 3) // a little back: overwrites
	if p := r.Range("a", 99, 100, 1); p[0].Avg != 3 || p[1].Avg != 2 {
		t.Errorf("points %v", p)
	}
}

func TestNamesMatchPatterns(t *testing.T) {
	r := NewRing(300)
	w := r.Begin(1)
	for _, n := range []string{"cpu.user", "cpu.core.0", "mem.used"} {
		w.Put([]byte(n), 1)
	}
	w.Close()
	for _, tc := range []struct {
		patterns []string
		want     string
	}{
		{nil, "[cpu.core.0 cpu.user mem.used]"},
		{[]string{"cpu.*"}, "[cpu.core.0 cpu.user]"},
		{[]string{"mem.used", "x"}, "[mem.used]"},
		{[]string{"cpu"}, "[]"},
	} {
		if got := fmt.Sprint(r.Names(tc.patterns...)); got != tc.want {
			t.Errorf("Names(%q) = %s, want %s", tc.patterns, got, tc.want)
		}
	}
	if g := r.Generation(); g != 3 {
		t.Errorf("generation %d", g)
	}
}

func TestPutAllocatesNothing(t *testing.T) {
	r := NewRing(3600)
	key := []byte("cpu.user")
	second := int64(1_200_000)
	put(r, second, "cpu.user", 1)
	n := testing.AllocsPerRun(100, func() {
		second++
		w := r.Begin(second)
		w.Put(key, 2)
		w.Close()
	})
	if n != 0 {
		t.Errorf("a second allocates %v times, want 0", n)
	}
}

// TestRingAgainstModel compares the ring with a plain map of seconds.
func TestRingAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := NewRing(300)
		model := map[int64]float32{}
		now := int64(10_000)
		for range rapid.IntRange(1, 60).Draw(t, "writes") {
			now += int64(rapid.IntRange(1, 40).Draw(t, "pause"))
			v := float32(rapid.IntRange(-1000, 1000).Draw(t, "value"))
			put(r, now, "a", float64(v))
			model[now] = v
		}
		for i, p := range r.Range("a", now-r.Span()+1, now, 1) {
			want, ok := model[now-r.Span()+1+int64(i)]
			if has := p.Avg == p.Avg; has != ok || ok && p.Avg != want {
				t.Fatalf("second %d: %v, want %v %v", i, p, want, ok)
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("cpu.", "user")
	f.Fuzz(func(t *testing.T, prefix, rest string) {
		if !Match(prefix+"*", prefix+rest) && !strings.Contains(prefix, "*") { // else the first one counts
			t.Fatalf("%q* does not match %q", prefix, prefix+rest)
		}
	})
}

// What is too large to be kept is a gap like an infinity: neither can be written as
// JSON, and one such number would end every page's stream.
func TestNumbersTooLargeAreGaps(t *testing.T) {
	r := NewRing(300)
	for second, v := range []float64{math.MaxFloat32, 1e39, -1e39, math.Inf(1)} {
		w := r.Begin(int64(1000 + second))
		w.Put([]byte("x"), v)
		w.Close()
		got, ok := r.Value("x")
		if kept := v == math.MaxFloat32; ok != kept || kept && got != v {
			t.Errorf("%g became %g, %t", v, got, ok)
		}
	}
}

// TestClockSetBack: what is newest is what was written last, not what a clock that was
// ahead wrote; and the seconds that were named wrongly are gone.
func TestClockSetBack(t *testing.T) {
	for _, back := range []int64{1, 40, 299} {
		r := NewRing(300)
		for i := range int64(400) {
			put(r, 1000+i, "a", float64(i))
			put(r, 1000+i, "b", 1)
		}
		now := 1399 - back
		r.Rewind(now + 500) // a clock that goes on changes nothing
		r.Rewind(now)
		if v, ok := r.Value("a"); ok != (back < 299) || ok && v != float64(now-1001) {
			t.Errorf("%d back: %v, %v", back, v, ok)
		}
		put(r, now, "a", 7)
		if v, ok := r.Value("a"); !ok || v != 7 {
			t.Errorf("%d back: newest %v, %v", back, v, ok)
		}
		if _, ok := r.Value("b"); ok {
			t.Errorf("%d back: a value of before is the newest", back)
		}
		if oldest, newest := r.Bounds(); newest != now || oldest > newest {
			t.Errorf("%d back: bounds %d %d", back, oldest, newest)
		}
		if s := r.Stat("a", 0, 9999); s.Last != 7 || s.N != int(300-back) {
			t.Errorf("%d back: %+v", back, s)
		}
		put(r, 1399, "b", 2) // the time that had been is there again
		if s := r.Stat("a", now+1, 1399); s.N != 0 {
			t.Errorf("%d back: what was forgotten shows through: %+v", back, s)
		}
	}
	r := NewRing(300)
	r.Rewind(5)
	put(r, 1000, "a", 1)
	put(r, 1001, "a", 2)
	r.Rewind(100) // further than the ring reaches
	put(r, 100, "a", 3)
	if v, _ := r.Value("a"); v != 3 || r.Stat("a", 0, 9999).N != 1 {
		t.Errorf("far back: %v", r.Stat("a", 0, 9999))
	}
}
