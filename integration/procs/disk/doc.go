// Package disk gives a process a disk of its own that can lose power, hang, fail and
// fill up: an ext4 file system in a file, mounted through a loop device.
//
// It needs root. What it makes it takes away again, also when the test fails.
package disk
