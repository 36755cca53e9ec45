// Package demo makes up a cluster of three machines under load in which things
// happen, for tests and for looking at a monitor without running anything.
package demo
