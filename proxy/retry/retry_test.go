package retry

import (
	"testing"
	"time"

	"pingd/proxy/http1"
)

func TestDecide(t *testing.T) {
	p := Policy{Connects: 2, Replays: 1}
	for _, c := range []struct {
		name string
		a    Attempt
		want Action
	}{
		{"connect, any method", Attempt{Failure: Connect, Method: http1.POST, Whole: true}, Again},
		{"connect, unknown method", Attempt{Failure: Connect, Whole: true, Connects: 1}, Again},
		{"connect, too often", Attempt{Failure: Connect, Method: http1.GET, Whole: true, Connects: 2}, GiveUp},
		{"connect, body gone", Attempt{Failure: Connect, Method: http1.GET}, GiveUp},
		{"connect, retry=connect", Attempt{Failure: Connect, Method: http1.GET, Whole: true, ConnectOnly: true}, Again},
		{"died, GET", Attempt{Failure: Died, Method: http1.GET, Whole: true}, Again},
		{"died, PUT", Attempt{Failure: Died, Method: http1.PUT, Whole: true}, Again},
		{"died, POST", Attempt{Failure: Died, Method: http1.POST, Whole: true}, GiveUp},
		{"died, POST with a key", Attempt{Failure: Died, Method: http1.POST, Whole: true, Keyed: true}, Again},
		{"died, POST with a key, large body", Attempt{Failure: Died, Method: http1.POST, Keyed: true}, GiveUp},
		{"died, POST with a key, retry=connect", Attempt{Failure: Died, Method: http1.POST, Whole: true, Keyed: true, ConnectOnly: true}, GiveUp},
		{"died twice, POST with a key", Attempt{Failure: Died, Method: http1.POST, Whole: true, Keyed: true, Replays: 1}, GiveUp},
		{"late, POST with a key", Attempt{Failure: TimedOut, Method: http1.POST, Whole: true, Keyed: true}, GiveUp},
		{"died, PATCH", Attempt{Failure: Died, Method: http1.PATCH, Whole: true}, GiveUp},
		{"died, unknown method", Attempt{Failure: Died, Whole: true}, GiveUp},
		{"died twice", Attempt{Failure: Died, Method: http1.GET, Whole: true, Replays: 1}, GiveUp},
		{"died, large body", Attempt{Failure: Died, Method: http1.PUT}, GiveUp},
		{"died, retry=connect", Attempt{Failure: Died, Method: http1.GET, Whole: true, ConnectOnly: true}, GiveUp},
		{"late", Attempt{Failure: TimedOut, Method: http1.GET, Whole: true}, GiveUp},
		{"invalid", Attempt{Failure: Invalid, Method: http1.GET, Whole: true}, GiveUp},
	} {
		if got := p.Decide(c.a); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if (Policy{}).Decide(Attempt{Failure: Connect, Whole: true}) != GiveUp {
		t.Error("the zero policy retries")
	}
}

func TestBudget(t *testing.T) {
	b := NewBudget(20, 3)
	spend := func(now time.Duration) (n int) {
		for b.Spend(now) {
			n++
		}
		return n
	}
	for range 100 {
		b.Request(time.Second)
	}
	if n := spend(time.Second); n != 23 {
		t.Errorf("%d retries for 100 requests", n)
	}
	if n := spend(15 * time.Second); n != 0 {
		t.Errorf("%d more in the next window", n)
	}
	if n := spend(29 * time.Second); n != 3 {
		t.Errorf("%d after the requests are forgotten", n)
	}
	if n := spend(300 * time.Second); n != 3 {
		t.Errorf("%d after a long silence", n)
	}
}
