package bus

import (
	"context"
	"net"
	"sync"
	"testing"
)

// patient takes connections that are none of TCP's, which do not break when nobody reads
// for some seconds on a busy machine.
type patient struct{ net.Listener }

func (p patient) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	return struct{ net.Conn }{c}, err
}

// TestRepliesThatDoNotFitAreNotTheEndOfTheConnection: a peer that reads slowly is told
// that there would be a reply, and gets those that fit whole.
func TestRepliesThatDoNotFitAreNotTheEndOfTheConnection(t *testing.T) {
	const (
		size = 16 << 20
		n    = 2*maxReplies/size + 4
	)
	var asked sync.WaitGroup
	asked.Add(n)
	large := make([]byte, size)
	_, addr := start(t, Identity{"c", "n1", "i"}, "", func(c *Config) {
		c.Listener = patient{c.Listener}
		c.Handler = func(_ context.Context, _ Peer, kind byte, payload []byte, reply func(byte, []byte)) {
			if kind == 1 {
				reply(StatusOK, payload)
				return
			}
			reply(StatusOK, large)
			asked.Done()
		}
	})
	b, _ := start(t, Identity{"c", "n2", "j"}, "")
	cl, err := b.Connect(bounded(t), addr, Forward)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	release := make(chan struct{}) // the reading goroutine waits for it
	defer sync.OnceFunc(func() { close(release) })()
	type answer struct {
		status byte
		size   int
		err    error
	}
	answers := make(chan answer, n)
	for range n {
		if err := cl.Start(2, nil, func(status byte, payload []byte, err error) {
			<-release
			answers <- answer{status, len(payload), err}
		}); err != nil {
			t.Fatal(err)
		}
	}
	asked.Wait()
	release <- struct{}{} // the first; the others follow below
	busy := 0
	for i := range n {
		if i > 0 {
			release <- struct{}{}
		}
		a := <-answers
		switch {
		case a.err != nil:
			t.Fatal(a.err)
		case a.status == StatusBusy && a.size == 0:
			busy++
		case a.status != StatusOK || a.size != size:
			t.Errorf("reply %d: status %d, %d bytes", i, a.status, a.size)
		}
	}
	if busy == 0 || n-busy < maxReplies/size {
		t.Errorf("%d of %d did not fit", busy, n)
	}
	if got, err := cl.Call(bounded(t), 1, []byte("x")); string(got) != "x" || err != nil {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}
