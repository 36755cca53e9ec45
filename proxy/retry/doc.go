// Package retry decides whether a request that met a failure is sent again.
// The decision is pure; the budget is a pair of counters over time that its
// caller supplies.
package retry
