package chunk

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func decode(t testing.TB, b []byte) []Point {
	t.Helper()
	got, err := new(Decoder).Append(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func near(a, b float32) bool {
	if math.Abs(float64(a)-float64(b)) < 1e-38 { // below what has all its digits
		return true
	}
	return math.Abs(float64(a)-float64(b)) <= 0.000245*math.Max(math.Abs(float64(a)), math.Abs(float64(b)))
}

func TestRoundTrip(t *testing.T) {
	inf := float32(math.Inf(1))
	points := []Point{
		{1, 2, 3},
		Gap,
		{-5, 0, 5},
		{0, 0, 0},
		{4095, 4095, 4095},
		{1e-20, 1e-10, 1e30},
		{math.MaxFloat32, math.MaxFloat32, math.MaxFloat32},
		{nan, 1, 2},
		{-3e7, -2e7, -1e7},
		{23.5e9, 23.5e9, 23.5e9},
	}
	got := decode(t, new(Encoder).Append(nil, points))
	if len(got) != len(points) {
		t.Fatalf("%d points, want %d", len(got), len(points))
	}
	for i, p := range points {
		if p.Empty() || p.Min != p.Min {
			if !got[i].Empty() {
				t.Errorf("point %d: %v, want a gap", i, got[i])
			}
			continue
		}
		if !near(got[i].Min, p.Min) || !near(got[i].Avg, p.Avg) || !near(got[i].Max, p.Max) {
			t.Errorf("point %d: %v, want %v", i, got[i], p)
		}
	}
	if got := decode(t, new(Encoder).Append(nil, []Point{{-inf, inf, inf}})); math.IsInf(float64(got[0].Avg), 0) || got[0].Avg < 3e38 {
		t.Errorf("infinity is kept as %v", got[0])
	}
	if got := decode(t, new(Encoder).Append(nil, nil)); len(got) != 0 {
		t.Errorf("nothing is kept as %v", got)
	}
}

func TestWholeNumbersStayExact(t *testing.T) {
	for i := -4095; i < 4096; i++ {
		if v := float32(i); Round(v) != v {
			t.Fatalf("%v is kept as %v", v, Round(v))
		}
	}
}

// TestProperties holds for any points: order, nearness, and that an encoder's and a
// decoder's buffers carry nothing over.
func TestProperties(t *testing.T) {
	var e Encoder
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32)
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Point {
			if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
				return Gap
			}
			a, b, c := number.Draw(t, "a"), number.Draw(t, "b"), number.Draw(t, "c")
			lo, hi := min(a, b, c), max(a, b, c)
			return Point{lo, a + b + c - lo - hi, hi}
		}), 0, 50).Draw(t, "points")
		for i := range points {
			if p := &points[i]; p.Avg < p.Min || p.Avg > p.Max || math.IsInf(float64(p.Avg), 0) {
				p.Avg = p.Min // the sum above is not exact
			}
		}
		got, err := d.Append(nil, e.Append(nil, points))
		if err != nil || len(got) != len(points) {
			t.Fatalf("%d points of %d: %v", len(got), len(points), err)
		}
		for i, p := range got {
			switch {
			case points[i].Empty() != p.Empty():
				t.Fatalf("point %d: %v, was %v", i, p, points[i])
			case p.Empty():
			case p.Min > p.Avg || p.Avg > p.Max:
				t.Fatalf("point %d is out of order: %v", i, p)
			case !near(p.Min, points[i].Min) || !near(p.Avg, points[i].Avg) || !near(p.Max, points[i].Max):
				t.Fatalf("point %d: %v, was %v", i, p, points[i])
			}
		}
	})
}

func TestCorruptBytesAreRefused(t *testing.T) {
	good := new(Encoder).Append(nil, []Point{{1, 2, 3}, {4, 5, 6}, Gap})
	for i := range good {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if _, err := new(Decoder).Append(nil, bad); !errors.Is(err, ErrCorrupt) {
				t.Errorf("byte %d changed: %v", i, err)
			}
		}
		if _, err := new(Decoder).Append(nil, good[:i]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	kept := []Point{{7, 7, 7}}
	if got, err := new(Decoder).Append(kept, good[:3]); err == nil || len(got) != 1 {
		t.Errorf("what was there before is lost: %v, %v", got, err)
	}
}

// day is a day of minutes of a busy series and of a still one.
func day(busy bool) []Point {
	r := rand.New(rand.NewPCG(1, 2))
	points := make([]Point, 1440)
	for i := range points {
		points[i] = Point{7, 7, 7}
		if busy {
			v := float32(40 + 20*math.Sin(float64(i)/200) + r.NormFloat64())
			points[i] = Point{v - 3*r.Float32(), v, v + 6*r.Float32()}
		}
	}
	return points
}

func TestSizes(t *testing.T) {
	var e Encoder
	still, busy := len(e.Append(nil, day(false))), len(e.Append(nil, day(true)))
	t.Logf("a day of minutes: %d bytes still, %d busy (%.2f a point)", still, busy, float64(busy)/1440)
	if still > 40 || busy > 6000 {
		t.Errorf("a day of minutes takes %d bytes still and %d busy", still, busy)
	}
}

func FuzzDecode(f *testing.F) {
	var e Encoder
	f.Add(e.Append(nil, []Point{{1, 2, 3}, Gap}))
	f.Add(e.Append(nil, day(true)[:20]))
	f.Add([]byte{1, 2, 3})
	var d Decoder
	f.Fuzz(func(t *testing.T, b []byte) {
		// As it comes, and with a checksum that is right: what is behind it must hold, too.
		for _, in := range [][]byte{b, seal(b)} {
			points, err := d.Append(nil, in)
			if err != nil {
				continue
			}
			if len(points) > MaxPoints {
				t.Fatalf("%d points", len(points))
			}
			again, err := new(Decoder).Append(nil, e.Append(nil, points))
			if err != nil || len(again) != len(points) {
				t.Fatalf("%d points of %d again: %v", len(again), len(points), err)
			}
			for i := range points {
				if points[i] != again[i] && !(points[i].Empty() && again[i].Empty()) {
					t.Fatalf("point %d: %v, again %v", i, points[i], again[i])
				}
			}
		}
	})
}

func BenchmarkEncodeDay(b *testing.B) {
	var e Encoder
	points, out := day(true), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		out = e.Append(out[:0], points)
	}
}

func BenchmarkDecodeDay(b *testing.B) {
	in := new(Encoder).Append(nil, day(true))
	var d Decoder
	var out []Point
	b.ReportAllocs()
	for b.Loop() {
		out, _ = d.Append(out[:0], in)
	}
}
