// Package once remembers replies under tokens, for exactly-once retries: a table
// bounded by age and by count, its replies by bytes,, deterministic, and cheap to freeze for a
// snapshot. It is a leaf: it knows neither commands nor the reply format.
package once
