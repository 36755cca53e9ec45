// Package load is the subcommand load: visits over HTTP, of servers that run or of
// a cluster of its own with faults, and an account of every number handed out:
// acknowledged, lost, given twice, claimed by nobody.
package load
