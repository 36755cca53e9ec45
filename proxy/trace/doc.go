// Package trace remembers the requests that were served last, so that anybody who
// has a request's id can be told what became of it: "pingd explain ID".
//
// Two rings of fixed size hold them for each worker: one all requests, one those
// that did not go smoothly, which are asked about more often and are fewer. Nothing
// is looked up or made into text before somebody asks.
package trace
