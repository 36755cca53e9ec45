package loop

import (
	"errors"
	"net"

	"pingd/proxy/exchange"
	"pingd/proxy/upstream"
)

// Config of an Engine. All fields but Recorder are required.
type Config struct {
	// Exchange is what both engines are told.
	Exchange exchange.Config
	// Loops is how many there are; each takes a thread while it works. As they
	// count among Go's processors, GOMAXPROCS should leave room for the rest.
	Loops int
	// Sets are those that the Router may choose; their connections to servers
	// that leave are closed at once.
	Sets []*upstream.Set
	// Recorder makes what takes down the records of one loop (nil: Record of
	// Exchange is called by all of them).
	Recorder func() exchange.Recorder
	// Adopt takes over a client from which early has been read.
	Adopt func(conn net.Conn, early []byte) bool
}

// errLocal is a connection that this process could not even begin.
var errLocal = errors.New("out of descriptors, ports or memory")

// plain is the Recorder made of a function.
type plain func(*exchange.Record)

func (p plain) Record(r *exchange.Record) {
	if p != nil {
		p(r)
	}
}

func (p plain) Flush() {}
