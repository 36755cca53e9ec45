// Package latency counts durations in fixed buckets, for a path on which a
// prometheus.Histogram would cost more than the work it measures.
package latency
