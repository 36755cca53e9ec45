package history

import (
	"slices"

	"pingd/monitor/history/archive"
	"pingd/monitor/history/chunk"
)

// Query is a question for a stretch of time: points of Step seconds each, from the
// one that begins at From to the one that To is in. Both are unix seconds.
type Query struct{ From, To, Step int64 }

// maxPoints bounds an answer.
const maxPoints = 20_000

// Fit makes q answerable: it begins no earlier than the history, its step is none
// finer than what is kept of that time, and From is a multiple of it, so that two
// looks at the same hour cut it into the same pieces.
func (h *History) Fit(q Query) Query {
	oldest, newest := h.Ring.Bounds()
	q.To = min(q.To, newest)
	unit := int64(1)
	switch {
	case q.From >= oldest || h.archive == nil:
		q.From = max(q.From, oldest)
	case q.From >= newest-archive.Seconds10.File:
		unit = archive.Seconds10.Step
	default:
		q.From = max(q.From, newest-int64(h.cfg.Keep.Seconds()))
		unit = archive.Minute.Step
	}
	q.From = max(q.From, 0)
	q.Step = ceil(max(q.Step, 1, (q.To-q.From)/maxPoints), unit)
	q.From -= q.From % q.Step
	return q
}

// Reach is how many seconds back there may be anything.
func (h *History) Reach() int64 {
	if h.archive == nil {
		return h.Ring.Span()
	}
	return int64(h.cfg.Keep.Seconds())
}

// Points answers q, which has been through Fit, for each of names: every second
// from the finest that has it, so that memory comes before ten seconds and those
// before minutes. The error is the disk's; what memory holds is there all the same.
func (h *History) Points(names []string, q Query) ([][]chunk.Point, error) {
	if q.Step < 1 || q.To < q.From || (q.To-q.From)/q.Step > maxPoints {
		return make([][]chunk.Point, len(names)), nil
	}
	oldest, newest := h.Ring.Bounds()
	n := int((q.To-q.From)/q.Step) + 1
	if q.From >= oldest || h.archive == nil {
		out := make([][]chunk.Point, len(names))
		for i, name := range names {
			out[i] = h.Ring.Range(name, q.From, q.To, q.Step)
		}
		return out, nil
	}
	sums := make([][]sum, len(names))
	for i := range sums {
		sums[i] = make([]sum, n)
	}
	// Where one source ends and the next begins lies between two points of the coarser.
	seconds := ceil(oldest, archive.Seconds10.Step)
	fine := min(ceil(newest-archive.Seconds10.File, archive.Minute.Step), seconds)
	err := h.past(names, sums, q, archive.Minute, q.From, fine-1)
	if err == nil {
		err = h.past(names, sums, q, archive.Seconds10, max(q.From, fine), seconds-1)
	}
	out := make([][]chunk.Point, len(names))
	var values []float32
	for i, name := range names {
		start := max(q.From, seconds)
		values = h.Ring.AppendValues(values[:0], name, start, q.To)
		for k, v := range values {
			if v == v {
				sums[i][(start+int64(k)-q.From)/q.Step].add(chunk.Point{Min: v, Avg: v, Max: v}, 1)
			}
		}
		out[i] = make([]chunk.Point, n)
		for j := range sums[i] {
			out[i][j] = sums[i][j].point()
		}
	}
	return out, err
}

// ceil is the least multiple of unit that is no less than t.
func ceil(t, unit int64) int64 { return (t + unit - 1) / unit * unit }

// past adds what a level has of the seconds from..to.
func (h *History) past(names []string, sums [][]sum, q Query, l archive.Level, from, to int64) error {
	if to < from {
		return nil
	}
	return h.archive.Read(l, names, from, to, func(i int, t int64, p chunk.Point) {
		if j := (t - q.From) / q.Step; t >= q.From && j < int64(len(sums[i])) {
			sums[i][j].add(p, float64(l.Step))
		}
	})
}

// NamesIn lists the series that match any of the patterns and have anything since
// unix second from, those that are gone by now included.
func (h *History) NamesIn(from int64, patterns ...string) []string {
	names := h.Ring.Names(patterns...)
	oldest, newest := h.Ring.Bounds()
	if h.archive == nil || from >= oldest {
		return names
	}
	l := archive.Minute
	if from >= newest-archive.Seconds10.File {
		l = archive.Seconds10
	}
	old, err := h.archive.Names(l, from, oldest)
	if err != nil {
		h.fails(err)
	}
	for _, name := range old {
		if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return Match(p, name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sum gathers points of any length into one.
type sum struct {
	min, max     float32
	total, spans float64
}

func (s *sum) add(p chunk.Point, span float64) {
	if s.spans == 0 || p.Min < s.min {
		s.min = p.Min
	}
	if s.spans == 0 || p.Max > s.max {
		s.max = p.Max
	}
	s.total += float64(p.Avg) * span
	s.spans += span
}

func (s *sum) point() chunk.Point {
	if s.spans == 0 {
		return chunk.Gap
	}
	return chunk.Point{Min: s.min, Avg: float32(s.total / s.spans), Max: s.max}
}
