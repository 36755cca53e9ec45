// Package conformance holds what the proxy promises whichever engine serves a
// client, as tests: each runs against package front, a goroutine per client, and
// package loop, event loops, and what both sides receive is looked at byte by
// byte. It contains no code.
package conformance
