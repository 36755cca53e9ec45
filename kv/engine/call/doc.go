// Package call is what a command of the engine works with: the arguments and the
// reply of one call, the keyspace at one moment of log time, the events of what it
// changes. The commands themselves are in package engine and, by data type, in
// packages beside this one.
package call
