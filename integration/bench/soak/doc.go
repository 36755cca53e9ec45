// Package soak is the subcommand soak: a cluster under load with one fault after the
// other, for long. It reads what all processes hold before each fault and tells what
// grew between the second quarter of the time and the last.
package soak
