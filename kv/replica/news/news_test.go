package news

import (
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// told reports whether c has something to read, without waiting.
func told(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestHub(t *testing.T) {
	var h Hub
	h.Notify() // nobody listens
	a, b := h.Listen(), h.Listen()
	if told(a) {
		t.Error("told of what came before it listened")
	}
	for range 100 {
		h.Notify() // never waits, though nobody reads
	}
	if !told(a) || told(a) {
		t.Error("100 changes are not one piece of news")
	}
	if !told(b) {
		t.Error("one listener's news is not the other's")
	}
	h.Notify()
	h.Leave(b)
	h.Leave(b) // again: nothing
	if !told(b) {
		t.Error("what came before it left is lost")
	}
	h.Notify()
	if told(b) || !told(a) {
		t.Error("told after it left, or the other not told")
	}
	h.Leave(make(chan struct{})) // never listened
}

// TestHubTellsTheLast holds that who reads hears of a change after it was made, however
// many change and listen at once.
func TestHubTellsTheLast(t *testing.T) {
	var h Hub
	var value int
	var mu sync.Mutex
	const changes, listeners = 200, 4
	ready, done := make(chan struct{}, listeners), sync.WaitGroup{}
	for range listeners {
		done.Go(func() {
			c := h.Listen()
			defer h.Leave(c)
			ready <- struct{}{}
			for range c {
				mu.Lock()
				last := value == changes
				mu.Unlock()
				if last {
					return
				}
			}
		})
	}
	for range listeners {
		<-ready
	}
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range changes / 4 {
				mu.Lock()
				value++
				mu.Unlock()
				h.Notify()
			}
		})
	}
	writers.Wait()
	done.Wait() // whoever misses the last change waits here for ever
}
