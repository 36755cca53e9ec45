package session

import (
	"net"
	"testing"

	"pingd/proxy/h2"
	"pingd/proxy/wire"
)

// TestLingeringTakesOnePlace: a peer that opens a stream's window again and again, while
// the connection's is shut, makes nothing grow.
func TestLingeringTakesOnePlace(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	s := &session{conn: wire.New(a), m: h2.NewServer(nil, 1)}
	s.m.Swap(nil) // the greeting
	st := newStream(s, &h2.Stream{ID: 1})
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 100 {
		wake(st.writable)
		if err := st.linger(); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.waiting) != 1 {
		t.Errorf("one stream waits in %d places", len(s.waiting))
	}
}
