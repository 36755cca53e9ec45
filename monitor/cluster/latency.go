package cluster

import "slices"

// Latency is a distribution of durations. Either of its halves may be missing:
// with Counts the monitor reckons the percentiles of each second itself; without
// them it shows P50, P95 and P99 as given.
type Latency struct {
	P50MS float64 `json:"p50_ms"`
	P95MS float64 `json:"p95_ms"`
	P99MS float64 `json:"p99_ms"`
	// Bounds are the upper bounds of the buckets in seconds, ascending, and
	// Counts how many durations ever fell into each (not cumulative over
	// buckets); one further count is for durations above the last bound.
	Bounds []float64 `json:"bounds,omitempty"`
	Counts []uint64  `json:"counts,omitempty"`
}

// Slim is l without its buckets, for who wants to read it and not to reckon.
func (l Latency) Slim() Latency {
	l.Bounds, l.Counts = nil, nil
	return l
}

// Since is the distribution of what was added after old. Where the buckets
// changed or a count went back (the process started anew) it is l itself.
func (l Latency) Since(old Latency) Latency {
	if len(l.Counts) != len(l.Bounds)+1 || len(old.Counts) != len(l.Counts) || !slices.Equal(l.Bounds, old.Bounds) {
		return l
	}
	diff := make([]uint64, len(l.Counts))
	for i, n := range l.Counts {
		if n < old.Counts[i] {
			return l
		}
		diff[i] = n - old.Counts[i]
	}
	l.Counts = diff
	return l
}

// Plus adds two distributions. Without equal buckets it keeps the worse
// percentiles of the two, which is the honest bound.
func (l Latency) Plus(m Latency) Latency {
	if len(m.Counts) == len(l.Counts) && slices.Equal(l.Bounds, m.Bounds) && len(l.Counts) > 0 {
		sum := slices.Clone(l.Counts)
		for i, n := range m.Counts {
			sum[i] += n
		}
		l.Counts = sum
		return l
	}
	if len(m.Counts) > len(l.Counts) {
		l, m = m, l
	}
	l.P50MS, l.P95MS, l.P99MS = max(l.P50MS, m.P50MS), max(l.P95MS, m.P95MS), max(l.P99MS, m.P99MS)
	return l
}

// Percentiles gives p50, p95 and p99 in milliseconds, false when nothing was
// measured. Inside a bucket durations are taken as evenly spread, as
// Prometheus's histogram_quantile does.
func (l Latency) Percentiles() ([3]float64, bool) {
	if len(l.Counts) == 0 || len(l.Counts) != len(l.Bounds)+1 {
		return [3]float64{l.P50MS, l.P95MS, l.P99MS}, l.P50MS > 0 || l.P95MS > 0 || l.P99MS > 0
	}
	var total uint64
	for _, n := range l.Counts {
		total += n
	}
	if total == 0 {
		return [3]float64{}, false
	}
	var out [3]float64
	for i, q := range [...]float64{0.50, 0.95, 0.99} {
		out[i] = 1000 * l.quantile(q*float64(total))
	}
	return out, true
}

func (l Latency) quantile(rank float64) float64 {
	var below float64
	for i, n := range l.Counts {
		if below+float64(n) < rank || n == 0 {
			below += float64(n)
			continue
		}
		if i == len(l.Bounds) {
			break // above the last bound: that is all that is known
		}
		low := 0.0
		if i > 0 {
			low = l.Bounds[i-1]
		}
		return low + (l.Bounds[i]-low)*(rank-below)/float64(n)
	}
	if len(l.Bounds) == 0 {
		return 0
	}
	return l.Bounds[len(l.Bounds)-1]
}
