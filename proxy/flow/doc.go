// Package flow decides what a proxy does for one client connection: bytes and
// events go in, bytes and orders come out. It does no I/O, reads no clock and
// starts nothing, so that everything that can happen to a request is a call that
// a test or a fuzzer can make.
//
//	           Client, Server, ...Ended, ...Failed, ...Sent, Expired, Cut
//	  shell  ------------------------------------------------------------>  Machine
//	(sockets)<------------------------------------------------------------
//	           Take: Pick Connect SendServer SendClient KeepServer ... Close
//
// After each event the shell carries out what Take returns until it returns
// nothing, reads only from the sides that WantClient and WantServer name, and
// calls Expired once Deadline has passed. The life of a request:
//
//	reading --head--> choosing --Picked--> connecting --Connected--> working --whole response--> ending --all sent--> Finished
//	   |                 |  ^ ^                |                       |                           ^                     |
//	   | refused         |  | +----- again ----+---- again ------------+                           |      next request, lingering
//	   +-----------------|--|----------------------------------------------- own answer -----------+      or the end
//	                   queued
//
// While working both directions are open at once: the rest of the request body
// goes up, and the response comes down whenever the server chooses to begin it.
// Each side is read only when what was read before has been taken by the other
// (back-pressure), so that a body of any size needs no more than one read of
// memory.
package flow
