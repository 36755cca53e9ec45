// Package news tells whoever listens that something has changed.
package news

import "sync"

// Hub tells listeners of changes, conflated: who is slow misses the ones before
// the last. The zero value is ready; it is safe for concurrent use.
type Hub struct {
	mu        sync.Mutex
	listeners map[chan struct{}]struct{}
}

// Notify tells all who listen. It never waits.
func (h *Hub) Notify() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.listeners {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Listen returns a channel that is told from now on; it holds one.
func (h *Hub) Listen() chan struct{} {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners == nil {
		h.listeners = map[chan struct{}]struct{}{}
	}
	h.listeners[c] = struct{}{}
	return c
}

// Leave ends what Listen began.
func (h *Hub) Leave(c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, c)
}
