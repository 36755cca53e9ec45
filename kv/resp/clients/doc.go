// Package clients is the set of all connections of one server, and the
// subcommands of CLIENT that are about more than the caller: LIST, INFO, KILL,
// PAUSE, UNBLOCK.
package clients
