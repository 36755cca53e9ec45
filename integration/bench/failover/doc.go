// Package failover is the subcommand failover: one patient client writes while the
// leader is killed, ended or paused, and the longest time without an acknowledged
// write is compared with that of Redis Sentinel.
//
//	whole? ── write ── lead ── fault ── acknowledged again ── settle ── mend ── whole again ── compare the value
package failover
