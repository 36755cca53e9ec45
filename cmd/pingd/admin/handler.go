package admin

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler returns the whole listener's handler: host, method and secret are
// checked before anything is answered.
func (s *Server) Handler() http.Handler {
	private := http.NewServeMux()
	private.Handle("/metrics", bounded(s.metrics()))
	private.Handle("/status", bounded(http.HandlerFunc(s.serveStatus)))
	private.Handle("/status/past", bounded(http.HandlerFunc(s.servePast)))
	private.HandleFunc("/proxy/", s.serveProxy)
	private.HandleFunc("/", s.serveRoot)

	mux := http.NewServeMux()
	mux.Handle("/healthz", bounded(http.HandlerFunc(serveHealth)))
	mux.Handle("/readyz", bounded(http.HandlerFunc(s.serveReady)))
	mux.Handle("/login", s.certified(bounded(http.HandlerFunc(s.auth.serveLogin))))
	mux.Handle("/", s.certified(s.auth.require(staying(private))))
	return s.guard(mux)
}

// guard refuses what no part of the listener would answer.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if !s.knows(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "this name is not known here: "+strings.ToValidUTF8(r.Host, "?"),
				"use an IP address, or start pingd with --admin-host=NAME")
			return
		}
		login := r.Method == http.MethodPost && r.URL.Path == "/login"
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !login && !s.mayAct(r) {
			h.Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "this listener changes nothing", "use GET")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// mayAct tells whether a request that changes something may go on to the page or to
// the proxy, which look at it once more. The secret is asked for behind the guard;
// where there is none, only this machine may tell the proxy something, and no page in
// a browser, which could not send JSON here without asking first.
func (s *Server) mayAct(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/proxy/") {
		return r.Header.Get("Content-Type") == "application/json" && (s.cfg.Secret != "" || fromHere(r))
	}
	return s.cfg.Actions && s.cfg.Secret != "" && strings.HasPrefix(r.URL.Path, "/api/")
}

// fromHere tells whether a request came over this machine's loopback.
func fromHere(r *http.Request) bool {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// serveProxy passes on what is for the proxy.
func (s *Server) serveProxy(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	proxy := s.proxy
	s.mu.Unlock()
	if proxy == nil {
		refuse(w, http.StatusNotFound, "there is no proxy in this process", "pingd servers --join=HOST:PORT finds those of a cluster")
		return
	}
	bounded(http.StripPrefix("/proxy", proxy)).ServeHTTP(w, r)
}

// certified lets through who showed a certificate, where one is needed.
func (s *Server) certified(next http.Handler) http.Handler {
	if !s.cfg.ClientCerts {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			refuse(w, http.StatusForbidden, "a certificate of a client is needed",
				"curl --cert client.crt --key client.key --cacert ca.crt; only /healthz and /readyz are for everybody")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bounded limits the time of an answer. The mounted page sets its own: it streams.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not every writer has deadlines (a test's recorder has none): the bound
		// is for those that do.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
		next.ServeHTTP(w, r)
	})
}

// refuse answers with a reason and a way out.
func refuse(w http.ResponseWriter, status int, reason, hint string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s\nhint: %s\n", reason, hint)
}

func serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	var reasons []string
	roles, _, closing := s.parts()
	if closing {
		reasons = append(reasons, "stopping")
	}
	for _, r := range roles {
		if ready, ok := r.role.(Readier); ok {
			if err := ready.Ready(); err != nil {
				reasons = append(reasons, r.name+": "+err.Error())
			}
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if reasons == nil {
		fmt.Fprintln(w, "ok")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintln(w, strings.Join(reasons, "\n"))
}

// Status is the answer of /status.
type Status struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Started time.Time         `json:"started"`
	Now     time.Time         `json:"now"`   // by this process's clock
	Roles   map[string]any    `json:"roles"` // each role's own status
	Addrs   map[string]string `json:"addrs"` // listener -> bound address
}

// Status collects what every role says of itself.
func (s *Server) Status() Status {
	roles, _, _ := s.parts()
	st := Status{Name: s.cfg.Name, Version: s.cfg.Version, Started: s.started, Now: time.Now(), Roles: map[string]any{}, Addrs: s.Addrs()}
	for _, r := range roles {
		st.Roles[r.name] = r.role.Status()
	}
	return st
}

// Addrs returns the bound addresses of all roles and of the server itself.
func (s *Server) Addrs() map[string]string {
	roles, _, _ := s.parts()
	addrs := map[string]string{"admin": s.Addr()}
	for _, r := range roles {
		for name, addr := range r.role.Addrs() {
			addrs[name] = addr
		}
	}
	return addrs
}

func (s *Server) serveStatus(w http.ResponseWriter, _ *http.Request) {
	text, err := json.MarshalIndent(s.Status(), "", "  ")
	if err != nil {
		s.cfg.Logger.Error("encode status", "component", "admin", "err", err)
		refuse(w, http.StatusInternalServerError, "a role's status cannot be written as JSON", "the log of this process tells more")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // a client that went away is its own business
}

// briefly is the status as it is remembered: without what a monitor says of itself,
// whose own history is the better memory.
func (s *Server) briefly() Status {
	st := s.Status()
	delete(st.Roles, "monitor")
	delete(st.Roles, "sentinel")
	st.Addrs = nil
	return st
}

// servePast answers what was remembered: a line for each second from ?from= to ?to=,
// unix seconds, each the second and the status of then.
func (s *Server) servePast(w http.ResponseWriter, r *http.Request) {
	var span [2]int64
	for i, key := range [...]string{"from", "to"} {
		n, err := strconv.ParseInt(r.URL.Query().Get(key), 10, 64)
		if err != nil {
			refuse(w, http.StatusBadRequest, key+" must be unix seconds", "/status/past?from=1767225600&to=1767225660")
			return
		}
		span[i] = n
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	var out io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // only a wrong level fails
		defer z.Close()                                //nolint:errcheck // a client that went away is its own business
		out = z
	}
	if err := s.past.Write(out, span[0], span[1]); err != nil {
		s.cfg.Logger.Debug("past not told", "component", "admin", "err", err)
	}
}

func (s *Server) metrics() http.Handler {
	if s.cfg.Registry == nil {
		return http.NotFoundHandler()
	}
	return promhttp.InstrumentMetricHandler(s.cfg.Registry, promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            s.cfg.Registry,
	}))
}

const index = `pingd %s, node %s

/healthz  200 while this process lives
/readyz   200 while every role is ready, 503 otherwise
/status   the roles' own account, JSON
          /status/past?from=&to= of the last hour, a line a second
/metrics  for Prometheus
/proxy/   servers, and explain?id=ID, where there is a proxy

Role monitor puts its page here.
`

func (s *Server) serveRoot(w http.ResponseWriter, r *http.Request) {
	_, page, _ := s.parts()
	if page != nil {
		page.ServeHTTP(w, r)
		return
	}
	if r.URL.Path != "/" {
		refuse(w, http.StatusNotFound, "nothing is here", "GET / lists what there is")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, index, s.cfg.Version, s.cfg.Name)
}

// parts returns what was added so far.
func (s *Server) parts() (roles []named, page http.Handler, closing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roles[:len(s.roles):len(s.roles)], s.page, s.closing
}
