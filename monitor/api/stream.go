package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/board"
	"pingd/monitor/cluster"
	"pingd/monitor/history"
)

const (
	writeTimeout = 10 * time.Second
	// fillPoints is how fine the past is sent to a page that just opened.
	fillPoints = 300
	// maxEvents is how many events a page gets at first.
	maxEvents = 1000
	// bigState is the size from which the cluster's state is sent less often than each
	// second, so that hundreds of nodes do not choke a page: with twice as much every
	// third time, up to every tenth. Series, verdict and alerts come each second.
	bigState  = 256 << 10
	mostTimes = 10
)

func unmarshal(b []byte, to any) error { return json.Unmarshal(b, to) }

// mustJSON encodes values of our own types, which can not fail; should one ever,
// pages get null rather than a torn stream.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}

// appendEvent appends one Server-Sent Event; data holds no newline.
func appendEvent(b []byte, event, id string, data []byte) []byte {
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), event...), '\n')
	return append(append(append(b, "data: "...), data...), "\n\n"...)
}

// streamer is what Publish keeps from tick to tick; only its caller uses it.
type streamer struct {
	gen    uint64
	names  []string
	latest []float32
	buf    []byte
	skip   int // ticks to come without the cluster's state
}

// Publish sends the second at now to all pages there are, encoded once. slow is
// whether what changes slowly was looked at again. One goroutine may call it.
func (s *Server) Publish(now time.Time, slow bool) {
	st := &s.stream
	if s.hub.count() == 0 {
		st.gen = 0 // the next page learns the names in its greeting
		return
	}
	b := st.buf[:0]
	ring := s.board.History.Ring
	if gen := ring.Generation(); gen != st.gen {
		st.gen, st.names = gen, ring.Names()
		b = appendEvent(b, "names", "", mustJSON(map[string]any{"gen": gen, "names": st.names}))
	}
	st.latest = ring.Latest(st.names, st.latest[:0])
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, "\ndata: {\"t\":"...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, ",\"gen\":"...)
	b = strconv.AppendUint(b, st.gen, 10)
	b = append(b, ",\"v\":["...)
	for i, v := range st.latest {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v)
	}
	b = append(b, ']')
	p := s.present(now, nil)
	if st.skip > 0 {
		st.skip, p.Cluster = st.skip-1, nil
	}
	state := mustJSON(p)
	if p.Cluster != nil {
		st.skip = min(len(state)/bigState, mostTimes-1)
	}
	b = append(append(b, ",\"state\":"...), state...)
	if slow {
		b = append(append(b, ",\"details\":"...), mustJSON(s.board.Details())...)
	}
	b = append(b, "}\n\n"...)
	st.buf = b
	s.hub.send(append([]byte(nil), b...))
}

// Happened sends events to all pages at once, with the state they lead to: nobody
// should wait for the next second to see who leads. Safe for concurrent use.
func (s *Server) Happened(events []cluster.Event) {
	if len(events) == 0 || s.hub.count() == 0 {
		return
	}
	s.hub.send(appendEvent(nil, "news", "", mustJSON(s.present(time.Now(), events))))
}

// present is what a page needs to know of this moment beside series.
type present struct {
	Cluster  *cluster.State  `json:"cluster,omitempty"` // nil: as before
	Verdict  cluster.Verdict `json:"verdict"`
	Alerts   []cluster.Alert `json:"alerts"`
	Silences []alert.Silence `json:"silences"`
	Events   []cluster.Event `json:"events,omitempty"`
}

func (s *Server) present(now time.Time, events []cluster.Event) present {
	b := s.board
	c := b.Cluster().Slim()
	return present{
		Cluster: &c, Verdict: b.Verdict(now), Alerts: b.Alerts(now), Silences: b.Silences(now), Events: events,
	}
}

// hello is the first message of a stream: all a page needs to draw at once.
type hello struct {
	Gen     uint64        `json:"gen"`
	Names   []string      `json:"names"`
	Newest  int64         `json:"newest"` // unix second
	Span    int64         `json:"span"`   // seconds held at one second
	Reach   int64         `json:"reach"`  // seconds held at all
	State   present       `json:"state"`
	Details board.Details `json:"details"`
	Rules   []string      `json:"rules"`
	Fill    Series        `json:"fill"`
}

// serveStream sends a greeting with the past, then each tick as it happens. A
// page that was away gets the greeting again, because its past may have holes.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	v := s.hub.join()
	if v == nil {
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "no more viewers", "")
		return
	}
	defer s.hub.leave(v)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies that buffer would delay each second
	out := http.NewResponseController(w)
	// A server's own limits are for answers that end.
	_ = out.SetReadDeadline(time.Time{}) // not supported by test recorders: harmless
	write := func(b []byte) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := w.Write(b); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	release, ok := s.reading.take(r)
	if !ok {
		return
	}
	greeting := append([]byte("retry: 1000\n"), s.greet(r)...)
	release()
	if !write(greeting) {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case b, ok := <-v.queue:
			if !ok || !write(b) {
				return
			}
		}
	}
}

func (s *Server) greet(r *http.Request) []byte {
	h, now := s.board.History, time.Now()
	_, newest := h.Bounds()
	length := int64(defaultRange)
	if n, err := strconv.ParseInt(r.URL.Query().Get("range"), 10, 64); err == nil && n > 0 {
		length = min(n, h.Span())
	}
	g := hello{
		Gen: h.Generation(), Names: h.Names(), Newest: newest, Span: h.Span(), Reach: h.Reach(),
		State: s.present(now, s.board.Events.Newest(maxEvents)), Details: s.board.Details(), Rules: s.cfg.Rules,
	}
	step := max((length+fillPoints-1)/fillPoints, 1)
	q := history.Query{From: newest - length + 1, To: newest, Step: step}
	q.From -= q.From % step
	if newest > 0 {
		names := h.Names(patterns(r, "fill")...)
		points, err := h.Points(names, q)
		if err == nil {
			g.Fill = seriesOf(names, points, q, false)
		}
	}
	return appendEvent(nil, "hello", fmt.Sprint(newest), mustJSON(g))
}
