package outbox

import "pingd/kv/engine"

// window is how many bytes of replies to reads are meant to be on their way from the
// leader at once: enough for a fast network, and not so many that the rest waits for
// long behind them on a slow one.
const window = 32 << 20

// flow bounds the reads under way by the size of their replies. How much a read will
// answer is not known before; what the latest answered tells how many may travel at
// once, and together in a frame.
type flow struct {
	largest int // bytes of the largest replies to one proposal lately
}

// learn notes how large replies are. The estimate falls by half with each frame of
// smaller ones.
func (w *flow) learn(props []*proposal, r *engine.Replies) {
	w.largest /= 2
	n, from := 0, 0
	for _, p := range props {
		if n += p.n; n > r.Len() {
			return
		}
		if n > 0 {
			w.largest = max(w.largest, r.Ends[n-1]-from)
			from = r.Ends[n-1]
		}
	}
}

// tooLarge notes that the replies to n proposals did not fit.
func (w *flow) tooLarge(n int) { w.largest = max(w.largest, window/n) }

// most is how many proposals of reads a frame may have.
func (w *flow) most() int { return max(1, window/2/max(1, w.largest)) }

// may reports whether n proposals of reads may be sent beside those under way.
func (w *flow) may(frames []*frame, n int) bool {
	flying := w.flying(frames)
	return flying == 0 || (flying+n)*w.largest <= window
}

// flying is how many proposals of reads are under way.
func (w *flow) flying(frames []*frame) (n int) {
	for _, f := range frames {
		if f.read && f.flying {
			n += len(f.props)
		}
	}
	return n
}
