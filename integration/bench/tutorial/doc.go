// Package tutorial is the subcommand tutorial: the stack that pingd takes the place
// of and pingd, in turn on one machine: visits a second, memory, cold start, and what
// each fault costs; then a verdict on each target.
package tutorial
