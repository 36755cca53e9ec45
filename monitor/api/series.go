package api

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"pingd/monitor/history"
	"pingd/monitor/history/chunk"
)

const (
	defaultRange = 5 * 60
	maxPoints    = 4000
	maxNames     = 1000
	// maxValues bounds an answer as a whole: with more series its steps grow.
	maxValues = 600_000
	// maxReading is how many answers are made at once, and maxSending how many are made or
	// on their way; others wait for their turn. An answer takes tens of megabytes while it
	// is made, and some until a slow client has it.
	maxReading = 2
	maxSending = 32
)

// turns lets few requests at a time do what takes memory.
type turns chan struct{}

// take waits for a turn; false if whoever asks is gone before. release ends it.
func (t turns) take(r *http.Request) (release func(), ok bool) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, true
	case <-r.Context().Done():
		return nil, false
	}
}

// parseSpan reads from, to (unix seconds; zero or below counts from the newest
// sample), step (seconds) and points (at most that many) of a query.
func parseSpan(r *http.Request, h *history.History) (history.Query, error) {
	q := r.URL.Query()
	out := history.Query{From: -defaultRange}
	points := int64(0)
	for _, f := range [...]struct {
		key string
		to  *int64
		min int64
	}{
		{"from", &out.From, math.MinInt64}, {"to", &out.To, math.MinInt64}, {"step", &out.Step, 1}, {"points", &points, 1},
	} {
		v := q.Get(f.key)
		if v == "" {
			continue
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < f.min || n > 1<<40 || n < -1<<40 {
			return out, fmt.Errorf("%s=%q is not a number of seconds", f.key, v)
		}
		*f.to = n
	}
	_, newest := h.Bounds()
	if out.From <= 0 {
		out.From += newest
	}
	if out.To <= 0 {
		out.To += newest
	}
	out.To = min(out.To, newest)
	out.From = max(min(out.From, out.To), newest-h.Reach())
	if points = min(max(points, 0), maxPoints); points == 0 {
		points = maxPoints
	}
	length := out.To - out.From + 1
	if out.Step == 0 {
		out.Step = (length + points - 1) / points
	}
	out.Step = max(out.Step, (length+maxPoints-1)/maxPoints, 1)
	return h.Fit(out), nil
}

// Series is what /api/v1/series answers: for each series the average of each
// step, and with minmax=1 the least and greatest, null where nothing was stored.
type Series struct {
	From   int64             `json:"from"` // unix second of the first point
	Step   int64             `json:"step"`
	Points int               `json:"points"`
	Avg    map[string]values `json:"avg"`
	Min    map[string]values `json:"min,omitempty"`
	Max    map[string]values `json:"max,omitempty"`
}

func (s *Server) serveNames(w http.ResponseWriter, r *http.Request) {
	h := s.board.History
	q, err := parseSpan(r, h)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error(), "from=-3600")
		return
	}
	names := h.NamesIn(q.From, patterns(r, "name")...)
	if names == nil {
		names = []string{}
	}
	writeJSON(w, names)
}

func (s *Server) serveSeries(w http.ResponseWriter, r *http.Request) {
	h := s.board.History
	q, err := parseSpan(r, h)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error(), "from=-300&to=0&points=300")
		return
	}
	names := h.NamesIn(q.From, patterns(r, "name")...)
	if len(names) > maxNames {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("%d series match, at most %d are answered at once", len(names), maxNames), "name=cpu.*,mem.*")
		return
	}
	minmax, csv := r.URL.Query().Get("minmax") == "1", r.URL.Query().Get("format") == "csv"
	q = coarser(h, q, len(names), minmax && !csv)
	sent, ok := s.sending.take(r)
	if !ok {
		return
	}
	defer sent()
	release, ok := s.reading.take(r)
	if !ok {
		return
	}
	all, err := h.Points(names, q)
	if err != nil {
		s.cfg.Logger.Warn("history can not be read", "component", "monitor", "err", err)
	}
	if csv {
		release() // its lines are written one by one
		writeSeries(w, names, all, q)
		return
	}
	body := mustJSON(seriesOf(names, all, q, minmax && q.Step > 1))
	release() // a client that takes its time keeps nobody waiting
	sendJSON(w, body)
}

// coarser makes the steps of q so long that the answer for so many series is bounded.
func coarser(h *history.History, q history.Query, series int, minmax bool) history.Query {
	if minmax {
		series *= 3
	}
	length, points := q.To-q.From+1, int64(maxValues/max(series, 1))
	if q.Step*points < length {
		q.Step = (length + points - 1) / points
		q = h.Fit(q)
	}
	return q
}

func seriesOf(names []string, all [][]chunk.Point, q history.Query, minmax bool) Series {
	out := Series{From: q.From, Step: q.Step, Avg: make(map[string]values, len(names))}
	if minmax {
		out.Min, out.Max = make(map[string]values, len(names)), make(map[string]values, len(names))
	}
	for i, name := range names {
		points := all[i]
		if !slices.ContainsFunc(points, func(p chunk.Point) bool { return !p.Empty() }) {
			continue
		}
		out.Points = len(points)
		out.Avg[name] = pick(points, func(p chunk.Point) float32 { return p.Avg })
		if minmax {
			out.Min[name] = pick(points, func(p chunk.Point) float32 { return p.Min })
			out.Max[name] = pick(points, func(p chunk.Point) float32 { return p.Max })
		}
	}
	return out
}

// values encodes as a JSON array of short numbers, gaps as null.
type values []float32

// MarshalJSON implements json.Marshaler; it never fails.
func (v values) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 6*len(v)+2)
	b = append(b, '[')
	for i, f := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, f)
	}
	return append(b, ']'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *values) UnmarshalJSON(b []byte) error {
	var list []*float32
	if err := unmarshal(b, &list); err != nil {
		return err
	}
	*v = make(values, len(list))
	for i, f := range list {
		(*v)[i] = float32(math.NaN())
		if f != nil {
			(*v)[i] = *f
		}
	}
	return nil
}

// appendValue appends f as JSON in at most five digits, a gap as null.
func appendValue(b []byte, f float32) []byte {
	switch {
	case f != f:
		return append(b, "null"...)
	case f == float32(int32(f)) && f < 1e6 && f > -1e6:
		return strconv.AppendInt(b, int64(f), 10)
	}
	return strconv.AppendFloat(b, float64(f), 'g', 5, 32)
}

func pick(points []chunk.Point, of func(chunk.Point) float32) values {
	out := make(values, len(points))
	for i, p := range points {
		out[i] = of(p)
	}
	return out
}

func writeSeries(w http.ResponseWriter, names []string, all [][]chunk.Point, q history.Query) {
	out := startCSV(w, "series")
	row := append([]string{"time"}, cells(names...)...)
	_ = out.Write(row) // an error stays and Flush meets it again
	for t, i := q.From, 0; t <= q.To; t, i = t+q.Step, i+1 {
		row = append(row[:0], time.Unix(t, 0).UTC().Format(time.RFC3339))
		for _, points := range all {
			cell := ""
			if i < len(points) && !points[i].Empty() {
				cell = strconv.FormatFloat(float64(points[i].Avg), 'g', 6, 32)
			}
			row = append(row, cell)
		}
		_ = out.Write(row)
	}
	out.Flush()
}

// Unpack gives the points of each series and the second they begin at: with the
// least and greatest where the answer has them, else with the average for all three.
func (s *Series) Unpack() (start int64, all map[string][]chunk.Point) {
	all = make(map[string][]chunk.Point, len(s.Avg))
	for name, avg := range s.Avg {
		points := make([]chunk.Point, len(avg))
		least, greatest := s.Min[name], s.Max[name]
		for i, v := range avg {
			points[i] = chunk.Point{Min: v, Avg: v, Max: v}
			if i < len(least) && i < len(greatest) && v == v {
				points[i].Min, points[i].Max = least[i], greatest[i]
			}
		}
		all[name] = points
	}
	return s.From, all
}
