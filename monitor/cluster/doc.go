// Package cluster is what a monitor knows of a cluster: its state at one moment,
// what of an older state must be remembered, which events lie between two states,
// and the verdict in one word. All of it is pure: states go in, values come out,
// and nothing reads a clock.
//
//	a poll's answer ──Remember(old, next)──► state ──Events(old, state)──► Log
//	                                          │
//	                                          └──Judge──► OK, DEGRADED, DOWN and why
package cluster
