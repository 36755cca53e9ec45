package history

import (
	"math"
	"slices"
	"strings"
	"sync"
)

const (
	blockLen = 300 // samples a block holds: 5 minutes, 1.2 KB
	// maxSeries bounds memory against a machine that makes up new names for ever.
	maxSeries = 20000
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
// overwrites it: clocks that step back must not tear the ring.
func (r *Ring) Begin(t int64) Writer {
	r.mu.Lock()
	if r.first == 0 {
		r.first = t
	}
	if t < r.last-r.span || t > r.last+r.span {
		r.reset(t) // the clock jumped further than the ring reaches
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
// in a block. NaN and infinities are stored as gaps.
func (w Writer) Put(key []byte, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	r := w.r
	s := r.series[string(key)]
	if s == nil {
		if len(r.series) >= maxSeries {
			return
		}
		s = &series{name: string(key), blocks: make([]*[blockLen]float32, r.span/blockLen)}
		r.series[s.name] = s
		r.gen++
	}
	i := w.t % r.span
	b := s.blocks[i/blockLen]
	if b == nil {
		b = new([blockLen]float32)
		for j := range b {
			b[j] = gap
		}
		s.blocks[i/blockLen] = b
	}
	b[i%blockLen], s.seen, s.now = float32(v), w.t, float32(v)
}

// Close ends the second and lets readers in.
func (w Writer) Close() { w.r.mu.Unlock() }

// Names lists the series that match any of the patterns, sorted. A pattern is a
// name, or a prefix followed by "*"; no pattern at all means every series.
func (r *Ring) Names(patterns ...string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var names []string
	for name := range r.series {
		if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func match(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
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

// Point is what a span of seconds is reduced to. Min, Avg and Max are NaN where
// no number was stored.
type Point struct{ Min, Avg, Max float32 }

// Range reduces the seconds from..to (inclusive) of a series to points of step
// seconds each, oldest first. Seconds outside of what the ring holds are gaps.
func (r *Ring) Range(name string, from, to, step int64) []Point {
	if step < 1 || to < from || (to-from)/step > r.span {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.series[name]
	points := make([]Point, 0, (to-from)/step+1)
	for t := from; t <= to; t += step {
		points = append(points, r.reduce(s, t, min(t+step-1, to)))
	}
	return points
}

func (r *Ring) reduce(s *series, from, to int64) Point {
	p, sum, n := Point{Min: gap, Avg: gap, Max: gap}, 0.0, 0
	if s == nil {
		return p
	}
	for t := max(from, r.last-r.span+1, 0); t <= min(to, r.last); t++ {
		i := t % r.span
		b := s.blocks[i/blockLen]
		if b == nil {
			continue
		}
		v := b[i%blockLen]
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
