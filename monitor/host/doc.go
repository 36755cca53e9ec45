// Package host reads a Linux machine's own figures from /proc and /sys: CPU,
// pressure, memory, disks, network, TCP, limits, containers (by their cgroup
// files) and processes.
//
// It has three layers. Parsers are pure: they take the bytes of one file and
// fill a struct the caller owns, never fail on odd input, and skip what they do
// not know, because kernels add lines and columns over time. A Sampler keeps
// the files open and reads each with one pread, so that one sample a second
// costs no allocation once the set of disks, interfaces and containers is
// stable. Inventory is the slow part (operating system, mounted file systems)
// and uses gopsutil; it is meant to be asked every half minute.
//
// All figures that only grow are raw counters: turning two samples into rates
// is the caller's work. Roots for /proc and /sys can be set, both for a
// container that has the host's trees mounted elsewhere and for tests on
// fixture trees.
//
// In a container /proc/net is the container's own network. The reader takes
// <proc>/1/net instead, which is the host's when <proc> is the host's /proc.
package host
