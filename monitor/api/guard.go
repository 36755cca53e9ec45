package api

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// policy lets the page load nothing but its own parts and run no inline code,
// so that even a name that slipped through as markup could do nothing.
const policy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// guard wraps h with what holds for every answer: a Host header that is meant for
// us, reading only unless actions are on, and headers that keep other sites out. No
// CORS header is ever sent: other origins have no business here.
func (s *Server) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", policy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !s.hostAllowed(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "this name is not served here", "ask by address, or add the name to --admin-host")
			return
		}
		if s.cfg.Authorize != nil && !s.cfg.Authorize(r) {
			head.Set("WWW-Authenticate", `Basic realm="pingd"`)
			refuse(w, http.StatusUnauthorized, "the secret is needed", "")
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !s.mayAct(r) {
			head.Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "read only", "--monitor-actions, with a secret, permits silences and what else the page offers")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// mayAct reports whether a request that changes something is one of ours: a page of
// another site can make a browser send one, with the password it knows, but neither
// as JSON without asking first, which is never answered, nor under our own origin.
func (s *Server) mayAct(r *http.Request) bool {
	if s.cfg.Operator == nil || !strings.HasPrefix(r.URL.Path, "/api/v1/") {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		_, host, ok := strings.Cut(origin, "://")
		if !ok || !strings.EqualFold(host, r.Host) {
			return false
		}
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.TrimSpace(kind) == "application/json"
}

// hostAllowed reports whether a Host header can not be another site's doing.
// An attacker can point a public name at any address, but not an address, not
// localhost, and not a name without a dot, which no public zone has.
func (s *Server) hostAllowed(hostport string) bool {
	name := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if net.ParseIP(name) != nil || !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") {
		return true
	}
	return strings.EqualFold(name, s.board.Name) ||
		slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}
