// Package drive makes the load of the benchmarks: visits over HTTP, rounds of
// Redis commands, and a single patient writer for fail-overs. It is as lean as
// it can be, because it shares the machine with what it measures, and it
// retries nothing by itself: an error that a client would see is counted.
package drive
