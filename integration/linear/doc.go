// Package linear judges what clients of a store saw, by what they sent and got and
// when: registers (by a search for an order that explains all answers), counters,
// lists, transactions over several keys, and keys that end. It knows nothing of the
// store.
//
//	client: began := h.Begin(...)   sends, waits   h.End(began, outcome, answer)
//	in the end: h.Check(...) lists what cannot be
//
// Time is a client's own, read before it sends and after it has the answer. All
// histories may be written to from any goroutine, and are checked when nobody writes.
package linear
