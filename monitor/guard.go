package monitor

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// policy lets the page load nothing but its own parts and run no inline code,
// so that even a name that slipped through as markup could do nothing.
const policy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// guard wraps h with what holds for every answer: reading only, a Host header
// that is meant for us, and headers that keep other sites out. No CORS header is
// ever sent: other origins have no business here.
func (m *Monitor) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", policy)
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !m.hostAllowed(r.Host) {
			http.Error(w, "this name is not served here\nhint: ask by address, or add the name to the monitor's hosts", http.StatusMisdirectedRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			head.Set("Allow", "GET, HEAD")
			http.Error(w, "read only", http.StatusMethodNotAllowed)
			return
		}
		if m.cfg.Authorize != nil && !m.cfg.Authorize(r) {
			head.Set("WWW-Authenticate", `Basic realm="pingd"`)
			http.Error(w, "the secret is needed", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// hostAllowed reports whether a Host header can not be another site's doing.
// An attacker can point a public name at any address, but not an address, not
// localhost, and not a name without a dot, which no public zone has.
func (m *Monitor) hostAllowed(hostport string) bool {
	name := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if net.ParseIP(name) != nil || !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") {
		return true
	}
	return strings.EqualFold(name, m.cfg.Name) ||
		slices.ContainsFunc(m.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}
