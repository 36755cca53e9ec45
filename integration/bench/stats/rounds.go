package stats

import (
	"cmp"
	"slices"
)

// Median returns the middle of values, the mean of the two middle ones when
// their number is even, and 0 of none. values stay as they are.
func Median[T ~int64 | ~float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.SortFunc(sorted, cmp.Compare[T])
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// Ratio returns the median of a[i]/b[i]: what ran in the same round met the same
// noise, so this is steadier than the ratio of two medians. Rounds where b is 0
// or missing are left out; 0 when none is left.
func Ratio(a, b []float64) float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if b[i] != 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return Median(ratios)
}

// Spread returns how far rounds lie apart: (largest - smallest) / median, 0 for
// fewer than two.
func Spread(values []float64) float64 {
	mid := Median(values)
	if len(values) < 2 || mid == 0 {
		return 0
	}
	return (slices.Max(values) - slices.Min(values)) / mid
}
