// Package settings is the table behind CONFIG GET and CONFIG SET: Redis's names,
// aliases, defaults, value rules and error texts. Most entries are only kept so
// that what a client or a test harness sets reads back; the few that steer the
// server are named in the doc comment of package server. Values are those of one
// node and end with its process.
package settings
