package api

import (
	"context"
	"encoding/csv"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pingd/monitor/alert"
	"pingd/monitor/board"
	"pingd/monitor/cluster"
	"pingd/monitor/page"
)

// Config is what a Server shows and whom it serves.
type Config struct {
	Board *board.Board
	// Rules are the alert rules in force, as lines.
	Rules []string
	// Hosts are further values the Host header may have, besides addresses,
	// localhost and names without a dot: a page of another site must not be able
	// to read this one through a name that it points here (DNS rebinding).
	Hosts []string
	// Authorize, when set, decides for each request whether it may go on; false
	// is answered 401. The admin listener usually does this before.
	Authorize func(*http.Request) bool
	// Peer tells where the monitor of another node answers, and how to ask it; nil,
	// or false, where there is none.
	Peer func(node string) (Peer, bool)
	// DialTLS opens connections to peers with https. Nil: as net/http does.
	DialTLS func(ctx context.Context, network, addr string) (net.Conn, error)
	// Sockets counts TCP connections by state; nil: nobody can.
	Sockets func(ctx context.Context) (map[string]int, error)
	// Operator does what the board's actions permit.
	Operator Operator
	// Logger gets what was changed, and by whom. Nil discards it.
	Logger *slog.Logger
}

// Peer is how to reach another monitor.
type Peer struct {
	Base   string      // http://host:port
	Header http.Header // to send along
}

// Operator changes things for those who may.
type Operator interface {
	Silence(ctx context.Context, s alert.Silence) error
	Unsilence(ctx context.Context, id string) error
	Drain(ctx context.Context, backend string, drain bool) error
	SetWeight(ctx context.Context, backend string, weight int) error
}

// Server answers. Create it with New. Safe for concurrent use.
type Server struct {
	cfg     Config
	board   *board.Board
	hub     hub
	stream  streamer
	handler http.Handler

	reading, sending turns // see maxReading

	transport *http.Transport // to other monitors
}

// New makes a server.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, board: cfg.Board, reading: make(turns, maxReading), sending: make(turns, maxSending), transport: &http.Transport{
		ResponseHeaderTimeout: 5 * time.Second, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		DialTLSContext: cfg.DialTLS,
	}}
	s.handler = s.routes()
	return s
}

// Handler answers the page, its parts and the API; see the package comment.
func (s *Server) Handler() http.Handler { return s.handler }

// Viewers is how many pages follow now.
func (s *Server) Viewers() int { return s.hub.count() }

// Close ends every stream and lets none in any more.
func (s *Server) Close() {
	s.hub.close()
	s.transport.CloseIdleConnections()
}

func (s *Server) routes() http.Handler {
	parts := page.Handler()
	b := s.board
	api := http.NewServeMux()
	get := func(path string, fn http.HandlerFunc) { api.HandleFunc("GET /api/v1/"+path, fn) }
	value := func(path string, of func() any) {
		get(path, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, of()) })
	}
	value("cluster", func() any { return b.Cluster() })
	value("verdict", func() any { return b.Verdict(time.Now()) })
	value("details", func() any { return b.Details() })
	value("host", func() any { return b.Host() })
	value("status", func() any { return b.Details().Monitor })
	value("alerts", func() any { return s.alerts() })
	get("now", s.serveNow)
	get("names", s.serveNames)
	get("series", s.serveSeries)
	get("events", s.serveEvents)
	get("sockets", s.serveSockets)
	get("stream", s.serveStream)
	s.actions(api)

	mux := http.NewServeMux()
	mux.Handle("/api/", s.tunnel(api))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && wantsText(r) {
			s.serveText(w, r)
			return
		}
		parts.ServeHTTP(w, r)
	})
	return s.guard(mux)
}

func writeJSON(w http.ResponseWriter, v any) {
	sendJSON(w, mustJSON(v))
}

func sendJSON(w http.ResponseWriter, b []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(b, '\n')) // the client went away: nothing to do about it
}

// refuse answers with what is wrong and a way out.
func refuse(w http.ResponseWriter, status int, reason, hint string) {
	if hint != "" {
		reason += "\nhint: " + hint
	}
	http.Error(w, reason, status)
}

// patterns are the series asked for: name=a&name=b* or name=a,b*.
func patterns(r *http.Request, key string) []string {
	var out []string
	for _, v := range r.URL.Query()[key] {
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

func (s *Server) serveNow(w http.ResponseWriter, r *http.Request) {
	ring := s.board.History.Ring
	names := ring.Names(patterns(r, "name")...)
	_, newest := ring.Bounds()
	out := Now{Time: time.Unix(newest, 0).UTC(), Values: make(map[string]float64, len(names))}
	for i, v := range ring.Latest(names, nil) {
		if v == v {
			out.Values[names[i]] = shorten(v)
		}
	}
	writeJSON(w, out)
}

// shorten cuts v to the digits a chart can show.
func shorten(v float32) float64 {
	f, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', 6, 32), 64)
	if err != nil {
		return float64(v)
	}
	return f
}

// Alerts is what /api/v1/alerts answers.
type Alerts struct {
	Active   []cluster.Alert `json:"active"`
	Silences []alert.Silence `json:"silences"`
	Rules    []string        `json:"rules"`
}

func (s *Server) alerts() Alerts {
	now := time.Now()
	return Alerts{Active: s.board.Alerts(now), Silences: s.board.Silences(now), Rules: s.cfg.Rules}
}

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	var since, limit uint64
	for key, to := range map[string]*uint64{"since": &since, "limit": &limit} {
		if text := r.URL.Query().Get(key); text != "" {
			n, err := strconv.ParseUint(text, 10, 63)
			if err != nil {
				refuse(w, http.StatusBadRequest, fmt.Sprintf("%s=%q is not a number", key, text), "since=ID of the last event known, limit=100")
				return
			}
			*to = n
		}
	}
	events := s.board.Events.Since(since)
	if limit > 0 && uint64(len(events)) > limit {
		events = events[uint64(len(events))-limit:]
	}
	if r.URL.Query().Get("format") == "csv" {
		writeEvents(w, events)
		return
	}
	if events == nil {
		events = []cluster.Event{}
	}
	writeJSON(w, events)
}

func writeEvents(w http.ResponseWriter, events []cluster.Event) {
	out := startCSV(w, "events")
	_ = out.Write([]string{"id", "time", "severity", "kind", "subject", "text"}) // an error stays and Flush meets it again
	for _, e := range events {
		_ = out.Write(slices.Concat([]string{strconv.FormatUint(e.ID, 10), e.Time.UTC().Format(time.RFC3339Nano), string(e.Severity)},
			cells(e.Kind, e.Subject, e.Text)))
	}
	out.Flush()
}

func startCSV(w http.ResponseWriter, name string) *csv.Writer {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="pingd-`+name+`.csv"`)
	w.Header().Set("Cache-Control", "no-store")
	return csv.NewWriter(w)
}

// cells keeps names from being taken for formulas by spreadsheets.
func cells(texts ...string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		if t != "" && strings.ContainsRune("=+-@\t\r", rune(t[0])) {
			t = "'" + t
		}
		out[i] = t
	}
	return out
}

func (s *Server) serveSockets(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Sockets == nil {
		refuse(w, http.StatusNotFound, "sockets are not counted here", "")
		return
	}
	counts, err := s.cfg.Sockets(r.Context())
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error(), "")
		return
	}
	writeJSON(w, counts)
}
