// Package value holds the data types of the store: what they are, how they are
// changed, cloned for a snapshot and written to one. It knows neither keys nor
// commands.
package value
