// Package process keeps the table of a machine's processes: who uses CPU, memory
// and disks. The table is by far the dearest thing a monitor reads, so every
// process is looked at every few seconds only, and the busiest each second.
package process
