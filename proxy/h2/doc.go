// Package h2 is one HTTP/2 connection without its I/O: bytes of the peer go in,
// events and bytes for the peer come out (RFC 9113). It serves as either side,
// checks everything that the RFC asks a receiver to check, keeps both windows of
// every stream, and bounds what a peer can make it hold.
//
//	peer --bytes--> Machine.Receive --> Handler: Headers, Data, Reset, Window, GoAway
//	peer <--bytes-- Machine.Output  <-- Headers, Data, Consume, Reset, GoAway
//
// What a request or a response is made of is package h2/text; the shell that puts
// connections and goroutines around a Machine is package h2/session. Compression of
// fields is golang.org/x/net/http2/hpack.
//
// Nothing here is safe for concurrent use, and nothing reads a clock.
package h2
