package clients

import (
	"sync"
	"time"

	"pingd/integration/bench/drive"
)

// ack is one acknowledged increment.
type ack struct {
	at     time.Duration // since the run began
	number int64
}

// tally is what one library is told in one round: a drive.Recorder that keeps the
// numbers in the order they came in. Its methods may be called from any goroutine.
type tally struct {
	*drive.Recorder

	mu   sync.Mutex
	acks []ack
}

func newTally() *tally { return &tally{Recorder: drive.NewRecorder(0)} }

// Ack notes an acknowledged number, as drive.Recorder does.
func (t *tally) Ack(number int64) error {
	t.mu.Lock()
	t.acks = append(t.acks, ack{t.Since(), number})
	t.mu.Unlock()
	return t.Recorder.Ack(number)
}

// around tells of a fault the longest time without an acknowledgement that overlaps
// the time until end, and how long after the fault writes were acknowledged again and
// for good: the end of the silence that it made, or the first acknowledgement from
// which on none is missing in the final value, whichever is later.
func (t *tally) around(fault, end time.Duration, final int64) (gap, again time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	gap, over := silence(t.acks, fault, end)
	return gap, max(over, lasting(t.acks, final), fault) - fault
}

// silence returns the longest time without an acknowledgement that overlaps the time
// from start to end, and when the first one was over that was at least half as long:
// on a busy machine later ones may by chance be a little longer than that of a fault.
func silence(acks []ack, start, end time.Duration) (longest, over time.Duration) {
	var last time.Duration
	times := make([]time.Duration, 0, len(acks)+1)
	for _, a := range acks {
		times = append(times, a.at)
	}
	times = append(times, end)
	each := func(f func(long, until time.Duration)) {
		last = 0
		for _, at := range times {
			if at = min(at, end); at > start && last < end {
				f(at-last, at)
			}
			last = at
		}
	}
	each(func(long, _ time.Duration) { longest = max(longest, long) })
	each(func(long, until time.Duration) {
		if over == 0 && long*2 >= longest {
			over = until
		}
	})
	return longest, over
}

// lasting returns when the first of those acknowledgements came that are all in the
// final value, with every later one: 0 if none is missing. A number that was
// acknowledged twice is that of the later one.
func lasting(acks []ack, final int64) time.Duration {
	later := map[int64]bool{}
	for i := len(acks) - 1; i >= 0; i-- {
		if n := acks[i].number; n > final || later[n] {
			return acks[min(i+1, len(acks)-1)].at
		}
		later[acks[i].number] = true
	}
	return 0
}
