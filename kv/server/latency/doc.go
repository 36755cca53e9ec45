// Package latency keeps when commands took longer than latency-monitor-threshold
// (Redis command LATENCY), and how long commands took in general.
package latency
