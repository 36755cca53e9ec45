package exchange

import (
	"testing"
	"testing/synctest"
)

// TestGateIsFair: while everybody wants in, listeners that wait and event loops that come
// back when they hear of room get the same share, whoever was there first.
func TestGateIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2)
		heard := 0
		g.Notify(func() { heard++ })
		for range 2 {
			if !g.TryEnter() {
				t.Fatal("not a gate for two")
			}
		}
		if g.TryEnter() {
			t.Fatal("a gate for three")
		}
		stop := make(chan struct{})
		var waited [2]int
		for i := range waited {
			go func() {
				for g.Enter(stop) {
					waited[i]++
				}
			}()
		}
		tried := 0
		for range 300 {
			synctest.Wait() // both listeners wait
			heard = 0
			g.Cancel() // one leaves
			synctest.Wait()
			for heard > 0 && g.TryEnter() {
				tried++
			}
		}
		if tried != 100 || waited != [2]int{100, 100} {
			t.Errorf("%d for listeners that wait, %d for loops", waited, tried)
		}
		close(stop)
		synctest.Wait()
	})
}

// TestGateGivesUp: whoever stops waiting leaves no room taken behind, also when it was
// just being given some.
func TestGateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1)
		g.TryEnter()
		stop, answered := make(chan struct{}), make(chan bool, 2)
		for range 2 {
			go func() { answered <- g.Enter(stop) }()
		}
		synctest.Wait()
		if !g.Crowded() {
			t.Error("nobody waits")
		}
		g.Cancel()
		close(stop)
		for range 2 {
			if <-answered { // either is right
				g.Cancel()
			}
		}
		if g.Crowded() || !g.TryEnter() {
			t.Error("the room is lost")
		}
		if g.TryEnter() {
			t.Error("there is too much room")
		}
	})
}
