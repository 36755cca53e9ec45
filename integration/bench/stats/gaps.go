package stats

import "time"

// Gap is a time without any answer.
type Gap struct {
	Start time.Duration // since the beginning of the run
	Long  time.Duration
}

// Gaps notes the times between consecutive answers. Create it with NewGaps; it
// is for one goroutine at a time.
type Gaps struct {
	floor   time.Duration
	last    time.Duration
	noted   []Gap
	longest Gap
}

// NewGaps notes every gap of at least floor; the longest is known in any case.
// The first gap begins at time 0.
func NewGaps(floor time.Duration) *Gaps { return &Gaps{floor: floor} }

// Answer notes an answer at a time since the beginning. One that seems earlier
// than the last (two clients racing to tell) ends no gap.
func (g *Gaps) Answer(at time.Duration) {
	long := at - g.last
	if long <= 0 {
		return
	}
	gap := Gap{Start: g.last, Long: long}
	if long > g.longest.Long {
		g.longest = gap
	}
	if long >= g.floor {
		g.noted = append(g.noted, gap)
	}
	g.last = at
}

// Last returns the time of the last answer, 0 before the first.
func (g *Gaps) Last() time.Duration { return g.last }

// End closes the run: silence up to its end is a gap too.
func (g *Gaps) End(at time.Duration) { g.Answer(at) }

// Longest returns the longest gap of the run.
func (g *Gaps) Longest() Gap { return g.longest }

// LongestWithin returns the longest noted gap that overlaps the time from
// start to end, in full even where it reaches beyond; the zero Gap if none was
// as long as the floor.
func (g *Gaps) LongestWithin(start, end time.Duration) Gap {
	var longest Gap
	for _, gap := range g.noted {
		if gap.Start < end && gap.Start+gap.Long > start && gap.Long > longest.Long {
			longest = gap
		}
	}
	return longest
}
