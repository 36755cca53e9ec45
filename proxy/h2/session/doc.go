// Package session puts goroutines and a connection around h2.Machine, and makes
// of each stream a net.Conn on which one exchange of HTTP/1.1 is spoken. So what
// comes by HTTP/2 goes through the same engine as everything else, and a server
// that wants HTTP/2 is a server to which connections are cheap.
//
//	Serve      a client's connection: calls Config.Serve with each request's stream
//	Pool       connections to a server: Dial returns a stream for one request
//
// Who runs:
//
//	reader (the caller of Serve; one goroutine per connection of a Pool)
//	   read -> Machine.Receive, under mu -> streams are filled and woken
//	a goroutine per stream (the engine)
//	   Read, Write -> Machine, under mu; waits for the peer's windows
//
// Whoever has made output writes it, unless somebody is writing already, who then
// takes it along: under load many streams share one system call.
package session
