package outbox

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
)

// slow is a connection from which bytes come at a rate.
type slow struct {
	net.Conn
	rate int // bytes a second
}

func (s *slow) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b[:min(len(b), 1<<20)])
	<-time.After(time.Duration(n) * time.Second / time.Duration(s.rate))
	return n, err
}

// far is a follower whose leader answers reads of the key "large" with size bytes over a
// network of that rate. It returns how often a reply was made.
func far(t *testing.T, size, rate int) (follower *node, made *int) {
	_, leader, follower := two(t)
	follower.set(func() {
		dial := follower.dial
		follower.dial = func(addr string) (net.Conn, error) {
			c, err := dial(addr)
			return &slow{Conn: c, rate: rate}, err
		}
	})
	large, made := make([]byte, size), new(int)
	leader.set(func() {
		leader.answer = func(body []byte, reply func(byte, []byte)) bool {
			var d entry.Decoder
			cmds, err := d.Commands(body)
			if err != nil {
				return false // a group of writes
			}
			out := &engine.Replies{}
			for _, c := range cmds {
				if string(c.Args[1]) != "large" {
					out.Buf = append(out.Buf, "+small\r\n"...)
				} else if len(out.Buf) <= bus.MaxFrame {
					out.Buf = append(out.Buf, large...)
					*made++
				}
				out.End()
			}
			if !Fits(out) {
				reply(StatusTooLarge, nil)
				return true
			}
			reply(bus.StatusOK, entry.AppendReplies(make([]byte, 0, len(out.Buf)+64), out))
			return true
		}
	})
	return follower, made
}

// TestLargeRepliesOverASlowNetworkArrive reads more at once than may wait for a peer:
// all of it arrives, whole, read about once each; and writes do not wait behind.
func TestLargeRepliesOverASlowNetworkArrive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n, size, rate = 10, 16 << 20, 32 << 20
		follower, made := far(t, size, rate)
		small := follower.do(t.Context(), true, get("small"))
		pass(time.Second) // now it is connected, and reads travel as they come
		small.want(t, "+small")
		began := time.Now()
		var calls [n]*call
		for i := range calls {
			calls[i] = follower.do(t.Context(), true, get("large"))
			synctest.Wait()
		}
		write := follower.do(t.Context(), false, incr("k"))
		pass(8 * time.Second)
		for i, c := range calls {
			if !c.done || c.err != nil || len(c.out.Buf) != size {
				t.Fatalf("read %d: done %v, %v, %d bytes", i, c.done, c.err, len(c.out.Buf))
			}
		}
		if took := calls[n-1].at.Sub(began); took < n*size/rate*time.Second-time.Second {
			t.Errorf("all was read in %s: the network was not slow", took)
		}
		if *made > 2*n {
			t.Errorf("%d replies made for %d reads", *made, n)
		}
		if took := write.at.Sub(began); write.reply() != ":1" || took > 100*time.Millisecond {
			t.Errorf("the write: %s after %s", write.reply(), took)
		}
	})
}

// TestReadsThatTakeTooLongSayThatNothingWasRead: over a network that cannot carry them
// in time, large reads fail, the rest goes on, and nothing is left behind.
func TestReadsThatTakeTooLongSayThatNothingWasRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		follower, _ := far(t, 16<<20, 1<<20)
		large := follower.do(t.Context(), true, get("large"))
		synctest.Wait()
		waits := follower.do(t.Context(), true, get("large"))
		pass(12 * time.Second)
		for _, c := range []*call{large, waits} {
			if !errors.Is(c.err, ErrNoLeader) || len(c.out.Buf) != 0 {
				t.Errorf("done %v, %v, %d bytes", c.done, c.err, len(c.out.Buf))
			}
		}
		pass(30 * time.Second)
		small := follower.do(t.Context(), true, get("small"))
		pass(time.Second)
		small.want(t, "+small")
		if !follower.outbox.Idle() {
			t.Error("something is left")
		}
	})
}

// TestFlowOfReads: the larger the replies, the fewer reads travel, and never none.
func TestFlowOfReads(t *testing.T) {
	var w flow
	if w.most() < 1<<20 || !w.may(nil, 1<<20) {
		t.Errorf("at first: at most %d", w.most())
	}
	props := []*proposal{{n: 1}, {n: 2}}
	w.learn(props, &engine.Replies{Ends: []int{5, 10, 4 << 20}})
	flying := &frame{read: true, flying: true, props: make([]*proposal, 4)}
	if w.most() != 4 || !w.may([]*frame{flying}, 4) || w.may([]*frame{flying, flying}, 1) {
		t.Errorf("after 4 MiB: at most %d", w.most())
	}
	w.tooLarge(1)
	if w.most() != 1 || w.may([]*frame{flying}, 1) || !w.may([]*frame{{read: true, props: props}, {flying: true}}, 1) {
		t.Errorf("after what was too large: at most %d", w.most())
	}
	for range 10 {
		w.learn(props[:1], &engine.Replies{Ends: []int{5}})
	}
	if w.most() < 256 {
		t.Errorf("after small ones: at most %d", w.most())
	}
	w.learn(props, &engine.Replies{Ends: []int{5}}) // too few
}
