package history

import (
	"math"
	"slices"
	"strings"
	"sync"

	"pingd/monitor/history/chunk"
)

const (
	blockLen = 300 // samples a block holds: 5 minutes, 1.2 KB
	// maxSeries bounds memory against a machine that makes up new names for ever.
	maxSeries = 20000
	maxName   = 256 // bytes; longer ones are not kept
)

// Ring holds the last span seconds of every series. The zero value is not
// usable: see NewRing. Safe for concurrent use.
type Ring struct {
	span int64 // seconds, a multiple of blockLen

	mu     sync.RWMutex
	series map[string]*series
	first  int64 // unix second of the first tick; 0 = none yet
	last   int64 // unix second of the newest
	gen    uint64
}

type series struct {
	name   string
	blocks []*[blockLen]float32 // nil until the first number falls into it
	seen   int64                // unix second of its newest number
	now    float32
}

// NewRing makes a ring over span seconds, rounded up to whole blocks of five
// minutes. It takes memory as series fill it: about 4 bytes a number.
func NewRing(span int) *Ring {
	blocks := (span + blockLen - 1) / blockLen
	return &Ring{span: int64(max(blocks, 1) * blockLen), series: map[string]*series{}}
}

// Span is how many seconds the ring holds.
func (r *Ring) Span() int64 { return r.span }

// Writer writes one second's numbers; it holds the ring's lock until Close.
type Writer struct {
	r *Ring
	t int64
}

// Begin starts the numbers of unix second t. A t at or before the newest second
// overwrites what is there: a clock that steps back, or a past that is learned
// late, must not tear the ring.
func (r *Ring) Begin(t int64) Writer {
	r.mu.Lock()
	if t < r.last-r.span || t > r.last+r.span {
		r.reset(t) // the clock jumped further than the ring reaches
	}
	if r.first == 0 || t < r.first {
		r.first = t
	}
	if t > r.last {
		from := max(r.last+1, t-r.span+1)
		if r.last == 0 {
			from = t
		}
		for _, s := range r.series {
			s.clear(from, t, r.span)
		}
		if t/blockLen != r.last/blockLen {
			r.forget(t)
		}
		r.last = t
	}
	return Writer{r, t}
}

// Rewind forgets the seconds from t on: a clock that was ahead named them, and has been
// set back. Without it what is newest would stand still until the clock is there again.
func (r *Ring) Rewind(t int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == 0 || t > r.last || t <= r.last-r.span {
		return // nothing to forget, or all: Begin does that
	}
	for _, s := range r.series {
		s.clear(t, r.last, r.span)
		if s.now = r.at(s, t-1); s.now != s.now {
			s.seen = min(s.seen, t-2)
		}
		s.seen = min(s.seen, t-1)
	}
	r.last = t - 1
	r.first = min(r.first, r.last)
}

func (r *Ring) reset(t int64) {
	if r.last == 0 {
		return
	}
	r.series, r.first, r.last = map[string]*series{}, t, 0
	r.gen++
}

// clear makes the seconds from..to gaps, so that what the ring held there an
// hour ago does not show through.
func (s *series) clear(from, to, span int64) {
	for t := from; t <= to; t++ {
		i := t % span
		if b := s.blocks[i/blockLen]; b != nil {
			b[i%blockLen] = gap
		}
	}
}

var gap = float32(math.NaN())

// forget drops series that had no number in the whole span.
func (r *Ring) forget(t int64) {
	for name, s := range r.series {
		if s.seen <= t-r.span {
			delete(r.series, name)
			r.gen++
		}
	}
}

// Put stores v for the series key. It allocates only for a series' first number
// in a block. NaN, infinities and what is too large for a float32 are gaps.
func (w Writer) Put(key []byte, v float64) {
	kept := float32(v)
	if kept != kept || math.IsInf(float64(kept), 0) {
		return
	}
	r := w.r
	s := r.series[string(key)]
	if s == nil {
		if s = r.make(string(key)); s == nil {
			return
		}
	}
	*s.slot(w.t, r.span) = kept
	if w.t >= s.seen {
		s.seen, s.now = w.t, kept
	}
}

// make adds a series; nil when there are too many.
func (r *Ring) make(name string) *series {
	if len(r.series) >= maxSeries || len(name) > maxName {
		return nil
	}
	s := &series{name: name, blocks: make([]*[blockLen]float32, r.span/blockLen)}
	r.series[name] = s
	r.gen++
	return s
}

// slot is where the number of second t is kept.
func (s *series) slot(t, span int64) *float32 {
	i := t % span
	b := s.blocks[i/blockLen]
	if b == nil {
		b = new([blockLen]float32)
		for j := range b {
			b[j] = gap
		}
		s.blocks[i/blockLen] = b
	}
	return &b[i%blockLen]
}

// Fill puts numbers of the past back, a second each from start on: those that the
// ring has a place for and no number yet.
func (r *Ring) Fill(name string, start int64, values []float32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.series[name]
	for i, v := range values {
		t := start + int64(i)
		if v != v || t > r.last || t <= r.last-r.span {
			continue
		}
		if s == nil {
			if s = r.make(name); s == nil {
				return
			}
		}
		if at := s.slot(t, r.span); *at != *at {
			*at = v
		}
		if t > s.seen {
			s.seen, s.now = t, v
		}
		r.first = min(r.first, t)
	}
}

// Close ends the second and lets readers in.
func (w Writer) Close() { w.r.mu.Unlock() }

// Names lists the series that match any of the patterns, sorted; no pattern at all
// means every series.
func (r *Ring) Names(patterns ...string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var names []string
	for name := range r.series {
		if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return Match(p, name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Match reports whether a pattern takes a name in: it is the name itself, or holds
// one "*" that stands for any part of it.
func Match(pattern, name string) bool {
	before, after, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == name
	}
	return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

// Generation changes whenever a series appears or is dropped.
func (r *Ring) Generation() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.gen
}

// Len is the number of series.
func (r *Ring) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.series)
}

// Bounds returns the unix seconds of the oldest and newest numbers it may hold;
// zeros when nothing was written yet.
func (r *Ring) Bounds() (oldest, newest int64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return max(r.first, r.last-r.span+1), r.last
}

// Latest appends the newest second's value of each name to to; NaN for a gap.
func (r *Ring) Latest(names []string, to []float32) []float32 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, name := range names {
		v := gap
		if s := r.series[name]; s != nil && s.seen == r.last {
			v = s.now
		}
		to = append(to, v)
	}
	return to
}

// Value is the newest second's value of one series, false when it has none.
func (r *Ring) Value(name string) (float64, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.series[name]
	if s == nil || s.seen != r.last {
		return 0, false
	}
	return float64(s.now), true
}

// Range reduces the seconds from..to (inclusive) of a series to points of step
// seconds each, oldest first. Seconds outside of what the ring holds are gaps.
func (r *Ring) Range(name string, from, to, step int64) []chunk.Point {
	return r.AppendRange(nil, name, from, to, step)
}

// AppendRange is Range behind points that are there already.
func (r *Ring) AppendRange(points []chunk.Point, name string, from, to, step int64) []chunk.Point {
	if step < 1 || to < from || (to-from)/step > r.span {
		return points
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.series[name]
	points = slices.Grow(points, int((to-from)/step)+1)
	for t := from; t <= to; t += step {
		points = append(points, r.reduce(s, t, min(t+step-1, to)))
	}
	return points
}

// AppendValues appends a second's number each for from..to, NaN for a gap.
func (r *Ring) AppendValues(values []float32, name string, from, to int64) []float32 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.series[name]
	for t := from; t <= to; t++ {
		values = append(values, r.at(s, t))
	}
	return values
}

// at is the number of second t, NaN where there is none.
func (r *Ring) at(s *series, t int64) float32 {
	if s == nil || t > r.last || t <= r.last-r.span || t < 0 {
		return gap
	}
	i := t % r.span
	if b := s.blocks[i/blockLen]; b != nil {
		return b[i%blockLen]
	}
	return gap
}

// Stat sums the seconds from..to of a series up: how many have a number, what they
// add up to, the least, the greatest and the newest of them. It allocates nothing.
func (r *Ring) Stat(name string, from, to int64) (s Stat) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	series := r.series[name]
	if series == nil {
		return s
	}
	for t := max(from, r.last-r.span+1, 0); t <= min(to, r.last); t++ {
		v := r.at(series, t)
		if v != v {
			continue
		}
		if s.N == 0 || v < s.Min {
			s.Min = v
		}
		if s.N == 0 || v > s.Max {
			s.Max = v
		}
		s.Sum += float64(v)
		s.N++
		s.Last = v
	}
	return s
}

// Stat is what a stretch of one series comes to; all zero where it is a gap.
type Stat struct {
	N              int
	Min, Max, Last float32
	Sum            float64
}

func (r *Ring) reduce(s *series, from, to int64) chunk.Point {
	p, sum, n := chunk.Gap, 0.0, 0
	if s == nil {
		return p
	}
	for t := max(from, r.last-r.span+1, 0); t <= min(to, r.last); t++ {
		v := r.at(s, t)
		if v != v {
			continue
		}
		if n == 0 || v < p.Min {
			p.Min = v
		}
		if n == 0 || v > p.Max {
			p.Max = v
		}
		sum += float64(v)
		n++
	}
	if n > 0 {
		p.Avg = float32(sum / float64(n))
	}
	return p
}
