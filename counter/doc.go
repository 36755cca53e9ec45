// Package counter is the visit service: GET / adds one to a number in the store
// and answers it.
//
//	visitor -> handler -> queue of waiting visits -> one Incrementer call for all
//	                                                  that wait -> one number each
//
// While a call is under way the next visits gather, so the number of calls does
// not grow with the number of visitors. Each visit has a token under which the
// store counts it once, whatever is repeated on the way: the visitor's
// Idempotency-Key, or one of the counter's own.
//
// The package knows the store only as an Incrementer, and the place where its
// address is published only as a Registrar.
package counter
