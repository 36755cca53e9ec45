package monitor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"pingd/monitor/history"
	"pingd/monitor/host"
)

const (
	maxViewers = 200
	// viewerQueue is how many ticks a page may fall behind before it is cut; it
	// then connects again and gets what it missed in one piece.
	viewerQueue  = 8
	writeTimeout = 10 * time.Second
	// fillPoints is how fine the past is sent to a page that just opened.
	fillPoints = 300
)

// hub hands each tick's one encoded message to all pages. The zero value is
// ready. Safe for concurrent use.
type hub struct {
	mu      sync.Mutex
	viewers map[*viewer]struct{}
	closed  bool
}

type viewer struct {
	queue chan []byte // closed when the viewer is cut or the hub ends
}

// join adds a viewer; nil when there are too many or the hub is closed.
func (h *hub) join() *viewer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.viewers) >= maxViewers {
		return nil
	}
	if h.viewers == nil {
		h.viewers = map[*viewer]struct{}{}
	}
	v := &viewer{queue: make(chan []byte, viewerQueue)}
	h.viewers[v] = struct{}{}
	return v
}

func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v)
}

// send gives msg to every viewer and cuts those that do not keep up.
func (h *hub) send(msg []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers {
		select {
		case v.queue <- msg:
		default:
			close(v.queue)
			delete(h.viewers, v)
		}
	}
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.viewers)
}

// close ends every stream and lets none in any more.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for v := range h.viewers {
		close(v.queue)
		delete(h.viewers, v)
	}
}

// streamer is what publish keeps from tick to tick; only the sampler uses it.
type streamer struct {
	gen     uint64
	names   []string
	latest  []float32
	event   uint64
	cluster time.Time
}

// publish encodes the tick at now once, for all pages there are.
func (m *Monitor) publish(now time.Time, slow *slowState) {
	s := &m.stream
	if m.hub.count() == 0 {
		s.gen = 0 // the next page learns the names in its greeting
		return
	}
	b := make([]byte, 0, 4096+8*len(s.names))
	if gen := m.ring.Generation(); gen != s.gen {
		s.gen, s.names = gen, m.ring.Names()
		b = appendEvent(b, "names", "", mustJSON(map[string]any{"gen": gen, "names": s.names}))
	}
	s.latest = m.ring.Latest(s.names, s.latest[:0])
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, "\ndata: {\"t\":"...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, ",\"gen\":"...)
	b = strconv.AppendUint(b, s.gen, 10)
	b = append(b, ",\"v\":["...)
	for i, v := range s.latest {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v)
	}
	b = append(b, ']')
	if c := m.Cluster(); !c.Time.Equal(s.cluster) || slow != nil {
		s.cluster = c.Time
		b = append(append(b, ",\"cluster\":"...), mustJSON(c)...)
	}
	if events := m.events.since(s.event); len(events) > 0 {
		s.event = events[len(events)-1].ID
		b = append(append(b, ",\"events\":"...), mustJSON(events)...)
	}
	if slow != nil {
		b = append(append(b, ",\"details\":"...), mustJSON(m.details())...)
	}
	m.hub.send(append(b, "}\n\n"...))
}

// appendEvent appends one Server-Sent Event; data holds no newline.
func appendEvent(b []byte, event, id string, data []byte) []byte {
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(append(b, "event: "...), event...), '\n')
	return append(append(append(b, "data: "...), data...), "\n\n"...)
}

// mustJSON encodes values of our own types, which can not fail; should one ever,
// pages get null rather than a torn stream.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}

// Details is what changes slowly: what the host is, its processes, file systems
// and containers.
type Details struct {
	slowState
	Name      string         `json:"name"`
	Version   string         `json:"version"`
	Inventory host.Inventory `json:"inventory"`
	Monitor   any            `json:"monitor"`
}

func (m *Monitor) details() Details {
	status := m.Status()
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Details{slowState: m.slow, Name: m.cfg.Name, Version: m.cfg.Version, Inventory: m.inventory, Monitor: status}
}

// hello is the first message of a stream: all a page needs to draw at once.
type hello struct {
	Gen     uint64       `json:"gen"`
	Names   []string     `json:"names"`
	Span    int64        `json:"span"` // seconds the ring holds
	Cluster ClusterState `json:"cluster"`
	Events  []Event      `json:"events"`
	Details Details      `json:"details"`
	Fill    Series       `json:"fill"`
}

// serveStream sends a greeting with the past, then each tick as it happens. A
// page that was away says with Last-Event-ID which tick it has; it gets the
// greeting anyway, because its past may have holes.
func (m *Monitor) serveStream(w http.ResponseWriter, r *http.Request) {
	v := m.hub.join()
	if v == nil {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "no more viewers", http.StatusServiceUnavailable)
		return
	}
	defer m.hub.leave(v)
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
	greeting := m.greet(r)
	if !write(append([]byte("retry: 1000\n"), greeting...)) {
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

func (m *Monitor) greet(r *http.Request) []byte {
	_, newest := m.ring.Bounds()
	length := int64(defaultRange)
	if n, err := strconv.ParseInt(r.URL.Query().Get("range"), 10, 64); err == nil && n > 0 {
		length = min(n, m.ring.Span())
	}
	g := hello{Gen: m.ring.Generation(), Names: m.ring.Names(), Span: m.ring.Span()}
	g.Cluster, g.Events, g.Details = m.Cluster(), m.events.since(0), m.details()
	step := max((length+fillPoints-1)/fillPoints, 1)
	from := newest - length + 1
	from -= from % step
	g.Fill = Series{From: from, Step: step, Avg: make(map[string]values, len(g.Names))}
	if newest > 0 {
		for _, name := range m.ring.Names(splitNames(r.URL.Query()["fill"])...) {
			points := m.ring.Range(name, from, newest, step)
			g.Fill.Points = len(points)
			g.Fill.Avg[name] = pick(points, func(p history.Point) float32 { return p.Avg })
		}
	}
	return appendEvent(nil, "hello", fmt.Sprint(newest), mustJSON(g))
}
