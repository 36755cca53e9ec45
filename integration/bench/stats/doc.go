// Package stats is the arithmetic of the benchmarks, without clocks or I/O:
// latency histograms, medians over rounds, gaps between answers, and the ledger
// that tells whether every acknowledged number stands.
package stats
