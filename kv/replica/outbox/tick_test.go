package outbox

import (
	"testing"
	"time"
)

// ending is a node on which something expires at a time.
type ending struct {
	Node
	at time.Time
}

func (e ending) NextDue() (int64, bool) { return e.at.UnixMilli(), true }

func TestEntriesForWhatExpiresFollowOneAnotherWhileThereIsALotOfIt(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	for _, c := range []struct {
		due  time.Duration // from now on
		want time.Duration // of the next entry, after one just now
	}{
		{time.Minute, time.Minute},
		{5 * time.Millisecond, tickEvery},
		{-5 * time.Millisecond, tickEvery},
		{-behind, tickEvery},
		{-behind - time.Millisecond, -behind - time.Millisecond}, // at once
		{-time.Hour, -time.Hour},
	} {
		o := New(Config{Now: func() time.Time { return now }}, ending{at: now.Add(c.due)})
		o.ticked = now
		if got := o.tick(now).Sub(now); got != c.want {
			t.Errorf("due in %v: the next entry in %v, want %v", c.due, got, c.want)
		}
	}
}
