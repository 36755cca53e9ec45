// Package loop is the proxy's fast engine: HTTP/1.x over TCP, and over TLS once the
// handshake is done, on Linux: a few loops over epoll, each on a thread of its own. It is the shell around
// package flow, which makes every decision; here are only sockets.
//
// The walk of a GET through a loop, with its four system calls:
//
//	epoll_wait -- client readable
//	   read  -> the loop's one buffer                                  (1)
//	   flow.Machine: head parsed, Pick -> Picker, no lock
//	                 Connect -> kept connection of this loop, last in first out
//	   write -> server                                                 (2)
//	epoll_wait -- server readable
//	   read  -> the loop's one buffer                                  (3)
//	   flow.Machine: head rewritten, body as it came
//	   write -> client                                                 (4)
//	   server connection kept, record taken down, machine given back
//
// Who owns what:
//
//   - A connection belongs to one loop for life; nothing of it is locked. Others
//     speak to a loop through its mailbox and an eventfd.
//   - An idle client is a struct of some hundred bytes. A machine, with the memory
//     for heads, is lent to it from the first byte of a request to the last of the
//     answer.
//   - Epoll is level-triggered and reading stays armed: a request changes no
//     interest. A side that must not be read now (back-pressure) loses its interest
//     only when it speaks; writing is armed only after a short write.
//   - Every socket has one deadline, an entry in a table. The table is swept when
//     the earliest of them has passed, so that an idle proxy sleeps.
//   - An event carries the generation of the socket it was asked for: a descriptor
//     closed and opened again in the same batch cannot be taken for the old one.
//
// A loop never blocks: names are resolved by the servers' checks, connections are
// made without waiting, log lines and passive checks are left to goroutines. The
// locks that it takes are that of the queue, when every slot is taken, and, where
// clients are limited, that of eight clients' buckets, for some nanoseconds.
//
// A client that speaks TLS comes from package front after its handshake, which is a
// goroutine's work (Admit). TLS then reads from and writes to memory: what the socket
// gave is deciphered in one go, what the machine says is enciphered and written in one
// piece. What the socket does not take is kept, and as long as that is so the machine
// believes that one byte is still to be sent. For an upgrade the connection goes back,
// with its TLS.
//
// Routes, limits, cookies and the log are a loop's own business. A request that is
// more than it knows, an upgrade or a server that speaks HTTP/2 or wants the PROXY
// protocol, is handed over to package front with its connection after its head has
// been read, and does not come back.
package loop
