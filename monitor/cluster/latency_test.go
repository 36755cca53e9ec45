package cluster

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
	q, ok := now.Since(old).Percentiles()
	near("one bucket", q, [3]float64{1.5, 1.95, 1.99})
	if !ok {
		t.Error("no percentiles")
	}
	if _, ok := now.Since(now).Percentiles(); ok {
		t.Error("percentiles of nothing")
	}
	q, _ = Latency{Bounds: bounds, Counts: []uint64{0, 0, 0, 5}}.Percentiles()
	near("above all bounds", q, [3]float64{4, 4, 4})
	q, _ = old.Since(now).Percentiles() // went back: the process is new
	near("restart", q, [3]float64{0.5, 0.95, 0.99})
	q, _ = now.Since(old).Plus(old).Percentiles()
	near("sum", q, [3]float64{1, 1.9, 1.98})
	q, _ = Latency{P50MS: 1, P95MS: 2, P99MS: 3}.Plus(Latency{P50MS: 2}).Percentiles()
	near("given", q, [3]float64{2, 2, 3})
	if _, ok := (Latency{}).Percentiles(); ok {
		t.Error("percentiles of the zero value")
	}
	(Latency{Counts: []uint64{5}}).Percentiles() // no bounds at all must not panic
}

func TestSlimKeepsTheOriginal(t *testing.T) {
	l := Latency{P50MS: 3, Bounds: []float64{1}, Counts: []uint64{2, 3}}
	s := State{Stores: []Store{{Fsync: l}}, Proxies: []Proxy{{Latency: l, Backends: []Backend{{Latency: l}}}}}
	slim := s.Slim()
	for _, got := range []Latency{slim.Stores[0].Fsync, slim.Proxies[0].Latency, slim.Proxies[0].Backends[0].Latency} {
		if got.Counts != nil || got.Bounds != nil || got.P50MS != 3 {
			t.Errorf("slim latency %+v", got)
		}
	}
	for _, got := range []Latency{s.Stores[0].Fsync, s.Proxies[0].Latency, s.Proxies[0].Backends[0].Latency} {
		if len(got.Counts) != 2 {
			t.Errorf("the original lost its buckets: %+v", got)
		}
	}
}
