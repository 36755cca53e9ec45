// Package wire is the least of a Redis client: commands encoded once and sent
// as they are, replies read without a trace. Load generators use it so that
// the same few lines drive every system that speaks the protocol, and so that
// a fault is seen as it is: nothing here retries, reconnects or pools.
package wire
