// Package integration holds what is true of the whole: the arrows between
// packages, and tests of the built binary as real processes, containers and
// clusters under faults.
package integration
