package api

import "sync"

const (
	maxViewers = 200
	// viewerQueue is how many messages a page may fall behind before it is cut; it
	// then connects again and gets what it missed in one piece.
	viewerQueue = 16
)

// hub hands each tick's one encoded message to all pages. The zero value is
// ready. Safe for concurrent use.
type hub struct {
	mu      sync.Mutex
	viewers map[*viewer]struct{}
	closed  bool
}

type viewer struct {
	queue chan []byte // closed when the viewer is cut or the hub ends
}

// join adds a viewer; nil when there are too many or the hub is closed.
func (h *hub) join() *viewer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.viewers) >= maxViewers {
		return nil
	}
	if h.viewers == nil {
		h.viewers = map[*viewer]struct{}{}
	}
	v := &viewer{queue: make(chan []byte, viewerQueue)}
	h.viewers[v] = struct{}{}
	return v
}

func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v)
}

// send gives msg, which is not changed any more, to every viewer and cuts those
// that do not keep up.
func (h *hub) send(msg []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers {
		select {
		case v.queue <- msg:
		default:
			close(v.queue)
			delete(h.viewers, v)
		}
	}
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.viewers)
}

// close ends every stream and lets none in any more.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for v := range h.viewers {
		close(v.queue)
		delete(h.viewers, v)
	}
}
