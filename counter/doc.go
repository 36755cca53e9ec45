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
// The walk of a visit through the package's goroutines:
//
//	a connection's own     read, head parsed, visit into the queue, read on
//	                       (the end of the connection: the visitor has left)
//	the batcher's          all that wait -> Incrementer.Incr -> result
//	the teller's           one number each -> answer written, without waiting
//	the sweeper's          some times a second: who is too slow, too idle, too late
//
// HTTP/1 is the package's own (see head.go): it answers GET and HEAD without
// content, and ends a connection on which anything else came.
//
// The package knows the store only as an Incrementer, and the place where its
// address is published only as a Registrar.
package counter
