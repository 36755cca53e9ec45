// Package balance decides which of several servers gets the next request. It
// is pure: it knows weights and nothing else.
package balance
