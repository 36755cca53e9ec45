package monitor

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pingd/monitor/history"
	"pingd/monitor/page"
)

const (
	defaultRange = 5 * 60
	maxPoints    = 4000
	maxNames     = 1000
)

func (m *Monitor) routes() http.Handler {
	parts := page.Handler()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && wantsText(r) {
			m.serveText(w, r)
			return
		}
		parts.ServeHTTP(w, r)
	})
	mux.HandleFunc("/api/v1/now", m.serveNow)
	mux.HandleFunc("/api/v1/host", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, m.Host()) })
	mux.HandleFunc("/api/v1/names", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, m.ring.Names(patterns(r)...))
	})
	mux.HandleFunc("/api/v1/series", m.serveSeries)
	mux.HandleFunc("/api/v1/cluster", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, m.Cluster()) })
	mux.HandleFunc("/api/v1/events", m.serveEvents)
	mux.HandleFunc("/api/v1/details", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, m.details()) })
	mux.HandleFunc("/api/v1/status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, m.Status()) })
	mux.HandleFunc("/api/v1/stream", m.serveStream)
	return m.guard(mux)
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(b, '\n')) // the client went away: nothing to do about it
}

// patterns are the series asked for: name=a&name=b* or name=a,b*.
func patterns(r *http.Request) []string { return splitNames(r.URL.Query()["name"]) }

func splitNames(lists []string) []string {
	var out []string
	for _, v := range lists {
		for p := range strings.SplitSeq(v, ",") {
			if p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}

// Now is the newest value of every series that has one.
type Now struct {
	Time   time.Time          `json:"time"`
	Values map[string]float64 `json:"values"`
}

func (m *Monitor) serveNow(w http.ResponseWriter, r *http.Request) {
	names := m.ring.Names(patterns(r)...)
	_, newest := m.ring.Bounds()
	out := Now{Time: time.Unix(newest, 0).UTC(), Values: make(map[string]float64, len(names))}
	for i, v := range m.ring.Latest(names, nil) {
		if v == v {
			out.Values[names[i]] = short(v)
		}
	}
	writeJSON(w, out)
}

// short cuts v to the digits a chart can show.
func short(v float32) float64 {
	f, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', 6, 32), 64)
	if err != nil {
		return float64(v)
	}
	return f
}

// Cluster returns the state of the cluster as last heard of. Its slices must not
// be changed.
func (m *Monitor) Cluster() ClusterState {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.cluster
}

func (m *Monitor) serveEvents(w http.ResponseWriter, r *http.Request) {
	var since uint64
	if s := r.URL.Query().Get("since"); s != "" {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			http.Error(w, fmt.Sprintf("since=%q is not an event's id", s), http.StatusBadRequest)
			return
		}
		since = n
	}
	events := m.events.since(since)
	if events == nil {
		events = []Event{}
	}
	writeJSON(w, events)
}

// span is a checked question for a stretch of time.
type span struct{ from, to, step int64 }

// parseSpan reads from, to (unix seconds; zero or below counts from the newest
// sample), step (seconds) and points (at most that many) of a query.
func parseSpan(r *http.Request, newest, held int64) (span, error) {
	q := r.URL.Query()
	s := span{from: -defaultRange, step: 0}
	points := int64(0)
	for _, f := range [...]struct {
		key string
		to  *int64
		min int64
	}{
		{"from", &s.from, math.MinInt64}, {"to", &s.to, math.MinInt64}, {"step", &s.step, 1}, {"points", &points, 1},
	} {
		v := q.Get(f.key)
		if v == "" {
			continue
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < f.min || n > 1<<40 || n < -1<<40 {
			return s, fmt.Errorf("%s=%q is not a number of seconds\nhint: from=-300&to=0&points=300", f.key, v)
		}
		*f.to = n
	}
	if s.from <= 0 {
		s.from += newest
	}
	if s.to <= 0 {
		s.to += newest
	}
	s.from = max(s.from, newest-held+1, 0)
	s.to = min(s.to, newest)
	length := s.to - s.from + 1
	if length < 1 {
		return span{from: newest, to: newest, step: 1}, nil
	}
	if s.step == 0 {
		points = min(max(points, 0), maxPoints)
		if points == 0 {
			points = maxPoints
		}
		s.step = (length + points - 1) / points
	}
	s.step = max(s.step, (length+maxPoints-1)/maxPoints, 1)
	// Points start at multiples of the step, so that two looks at the same hour
	// cut it into the same pieces.
	s.from -= s.from % s.step
	return s, nil
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

func (m *Monitor) serveSeries(w http.ResponseWriter, r *http.Request) {
	_, newest := m.ring.Bounds()
	s, err := parseSpan(r, newest, m.ring.Span())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	names := m.ring.Names(patterns(r)...)
	if len(names) > maxNames {
		http.Error(w, fmt.Sprintf("%d series match, at most %d are answered at once\nhint: name=cpu.*,mem.*", len(names), maxNames), http.StatusBadRequest)
		return
	}
	if r.URL.Query().Get("format") == "csv" {
		m.writeCSV(w, names, s)
		return
	}
	out := Series{From: s.from, Step: s.step, Avg: make(map[string]values, len(names))}
	both := r.URL.Query().Get("minmax") == "1" && s.step > 1
	if both {
		out.Min, out.Max = make(map[string]values, len(names)), make(map[string]values, len(names))
	}
	for _, name := range names {
		points := m.ring.Range(name, s.from, s.to, s.step)
		out.Points = len(points)
		out.Avg[name] = pick(points, func(p history.Point) float32 { return p.Avg })
		if both {
			out.Min[name] = pick(points, func(p history.Point) float32 { return p.Min })
			out.Max[name] = pick(points, func(p history.Point) float32 { return p.Max })
		}
	}
	writeJSON(w, out)
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

// appendValue appends f as JSON in at most six digits, a gap as null.
func appendValue(b []byte, f float32) []byte {
	switch {
	case f != f:
		return append(b, "null"...)
	case f == float32(int32(f)) && f < 1e6 && f > -1e6:
		return strconv.AppendInt(b, int64(f), 10)
	}
	return strconv.AppendFloat(b, float64(f), 'g', 5, 32)
}

func pick(points []history.Point, of func(history.Point) float32) values {
	out := make(values, len(points))
	for i, p := range points {
		out[i] = of(p)
	}
	return out
}

func (m *Monitor) writeCSV(w http.ResponseWriter, names []string, s span) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="pingd.csv"`)
	columns := make([][]history.Point, len(names))
	for i, name := range names {
		columns[i] = m.ring.Range(name, s.from, s.to, s.step)
	}
	out := csv.NewWriter(w)
	row := append([]string{"time"}, names...)
	_ = out.Write(row) // an error stays and Flush meets it again
	for t, i := s.from, 0; t <= s.to; t, i = t+s.step, i+1 {
		row = append(row[:0], time.Unix(t, 0).UTC().Format(time.RFC3339))
		for _, c := range columns {
			cell := ""
			if v := c[i].Avg; v == v {
				cell = strconv.FormatFloat(float64(v), 'g', 6, 32)
			}
			row = append(row, cell)
		}
		_ = out.Write(row)
	}
	out.Flush()
}
