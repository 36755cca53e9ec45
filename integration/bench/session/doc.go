// Package session is one run of the command bench as its subcommands see it: the
// flags that all of them share, where output and log go, the pingd to measure, the
// lab whose processes end with it, and waits that a signal interrupts.
//
//	main ── Flags ──> Session ── WithLab ──> a subcommand's Run ── StartCluster ──> procs
package session
