// Package front carries requests: it accepts clients, reads their requests with
// the strict parser, sends each to a server of a set, and passes the response
// back. One goroutine owns each client connection and does one request at a
// time, so pipelined requests are answered in order; a second goroutine runs
// only while a request body that did not come with its head is passed on, and
// in a tunnel.
//
//	client.serve
//	   next        wait idle (no buffers) -> head complete | refuse | close
//	   exchange    acquire server -> connection -> attempt, again if retry says so
//	     attempt   send head and body -> response head (1xx passed) -> relay | tunnel
//	   finish      record; keep or close both connections
//
// What was received is never changed except where package http1 says so, and
// every way in which a message can end early is visible to the client: a body
// that breaks off ends with the connection and without its proper end.
package front
