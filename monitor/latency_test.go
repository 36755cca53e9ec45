package monitor

import (
	"math"
	"testing"
)

func TestLatency(t *testing.T) {
	bounds := []float64{0.001, 0.002, 0.004}
	old := Latency{Bounds: bounds, Counts: []uint64{100, 0, 0, 0}}
	now := Latency{Bounds: bounds, Counts: []uint64{100, 100, 0, 0}}
	near := func(name string, got [3]float64, want [3]float64) {
		t.Helper()
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-6 {
				t.Errorf("%s: %v, want %v", name, got, want)
				return
			}
		}
	}
	q, ok := now.since(old).percentiles()
	near("one bucket", q, [3]float64{1.5, 1.95, 1.99})
	if !ok {
		t.Error("no percentiles")
	}
	if _, ok := now.since(now).percentiles(); ok {
		t.Error("percentiles of nothing")
	}
	q, _ = Latency{Bounds: bounds, Counts: []uint64{0, 0, 0, 5}}.percentiles()
	near("above all bounds", q, [3]float64{4, 4, 4})
	q, _ = old.since(now).percentiles() // went back: the process is new
	near("restart", q, [3]float64{0.5, 0.95, 0.99})
	q, _ = now.since(old).plus(old).percentiles()
	near("sum", q, [3]float64{1, 1.9, 1.98})
	q, _ = Latency{P50MS: 1, P95MS: 2, P99MS: 3}.plus(Latency{P50MS: 2}).percentiles()
	near("given", q, [3]float64{2, 2, 3})
	if _, ok := (Latency{}).percentiles(); ok {
		t.Error("percentiles of the zero value")
	}
	(Latency{Counts: []uint64{5}}).percentiles() // no bounds at all must not panic
}
