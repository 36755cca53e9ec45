// Package wire is the proxy's view of a TCP connection: reads and writes with
// a time limit each, cheap enough for a request that costs twenty
// microseconds.
//
// Two things make the difference to net.Conn. On Linux the system calls are
// made without telling Go's scheduler: on a non-blocking descriptor they return
// at once, and handing the processor over around each of them costs more than
// the parser does. And a time limit that is later than the one already set on
// the descriptor is not set again; only when the earlier one strikes is it
// noticed that there is time left.
package wire
