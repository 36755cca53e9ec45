// Package history keeps time series of a monitor: a Ring holds the last hour at
// one second in memory.
//
// A series is named by dotted words, such as "cpu.user" or "disk.vda.read", and
// holds one number a second; a second without a number is a gap (NaN), never a
// zero. Series come and go with the disks, containers and backends they tell of:
// a series that had no number for the ring's whole span is dropped.
package history
