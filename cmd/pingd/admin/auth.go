package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	cookieName = "pingd"
	cookieAge  = 30 * 24 * time.Hour

	// Nobody types this fast; who guesses is slowed down to it.
	attempts    = 10
	attemptsPer = 10 * time.Second

	// manyAddresses bounds what is remembered of them.
	manyAddresses = 10_000
)

// authority knows who may see more than the health. Without a secret everybody
// may: the listener is on loopback then, or its user insisted.
type authority struct {
	want   [sha256.Size]byte // digest of the secret: comparing digests tells nothing of its length
	key    []byte            // signs cookies; follows from the secret, so that all nodes and restarts agree
	secret bool
	now    func() time.Time

	wrong prometheus.Counter // secrets and passwords that were not right
	log   *slog.Logger

	mu    sync.Mutex
	told  time.Time      // when a wrong one was last logged
	since time.Time      // when the attempts began to be counted
	tried map[string]int // logins since then, by the visitor's place
}

func newAuthority(secret string) *authority {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("pingd admin login"))
	return &authority{
		want: sha256.Sum256([]byte(secret)), key: mac.Sum(nil), secret: secret != "", now: time.Now,
		wrong: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pingd_admin_wrong_passwords_total", Help: "Requests to the admin listener with a wrong secret.",
		}), log: slog.New(slog.DiscardHandler),
	}
}

// tellEvery keeps who guesses from filling the log.
const tellEvery = time.Second

// noteWrong counts a secret that was not right. Requests with a header are not slowed
// down for it: somebody who guesses would keep out all others behind his address.
func (a *authority) noteWrong(r *http.Request) {
	a.wrong.Inc()
	a.mu.Lock()
	now := a.now()
	tell := now.Sub(a.told) >= tellEvery
	if tell {
		a.told = now
	}
	a.mu.Unlock()
	if tell {
		a.log.Warn("wrong secret at the admin listener", "component", "admin", "remote", r.RemoteAddr, "path", r.URL.Path)
	}
}

// require lets through who shows the secret as "Authorization: Bearer", as the
// password of Basic, or by the cookie of a login.
func (a *authority) require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.allows(r) {
			next.ServeHTTP(w, r)
			return
		}
		if r.Header.Get("Authorization") != "" {
			a.noteWrong(r)
		}
		if r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("Authorization") == "" {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="pingd", charset="UTF-8"`)
		refuse(w, http.StatusUnauthorized, "the secret of this cluster is needed", "curl -u :SECRET, or the header Authorization: Bearer SECRET, or log in at /login")
	})
}

func (a *authority) allows(r *http.Request) bool {
	if !a.secret {
		return true
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return a.matches(strings.TrimSpace(token))
	}
	if _, password, ok := r.BasicAuth(); ok {
		return a.matches(password)
	}
	for _, c := range r.CookiesNamed(cookieName) {
		if a.signed(c.Value) {
			return true
		}
	}
	return false
}

// mayTry tells whether one more login may be tried now from an address. Others may
// go on meanwhile: a guesser must not keep out who knows the secret.
func (a *authority) mayTry(remote string) bool {
	host := placeOf(remote)
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.now(); a.tried == nil || now.Sub(a.since) >= attemptsPer || len(a.tried) >= manyAddresses {
		a.since, a.tried = now, map[string]int{}
	}
	a.tried[host]++
	return a.tried[host] <= attempts
}

// placeOf is where a visitor comes from: an address, and of version 6 the network of 64
// bits, as whoever has one of its addresses has them all.
func placeOf(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return p.String()
}

// matches compares in constant time.
func (a *authority) matches(given string) bool {
	got := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(got[:], a.want[:]) == 1
}

// cookie returns "<unix seconds of its end>.<signature>".
func (a *authority) cookie(end time.Time) string {
	text := strconv.FormatInt(end.Unix(), 10)
	return text + "." + base64.RawURLEncoding.EncodeToString(a.sign(text))
}

func (a *authority) sign(text string) []byte {
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// signed tells whether a cookie is ours and still valid.
func (a *authority) signed(cookie string) bool {
	text, signature, _ := strings.Cut(cookie, ".")
	got, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(got, a.sign(text)) {
		return false
	}
	end, err := strconv.ParseInt(text, 10, 64)
	return err == nil && a.now().Before(time.Unix(end, 0))
}

const loginPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>pingd</title>
<style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:0}
form{display:grid;gap:.8rem;width:min(20rem,90vw)}
input,button{font:inherit;padding:.5rem .7rem}
</style>
<form method="post" action="/login">
<label for="secret">The secret of this cluster</label>
<input id="secret" name="secret" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
%%
</form>
`

// serveLogin shows the form, and answers a right secret with a cookie.
func (a *authority) serveLogin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	if r.Method != http.MethodPost {
		_, _ = io.WriteString(w, strings.Replace(loginPage, "%%", "", 1))
		return
	}
	if !a.mayTry(r.RemoteAddr) {
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, strings.Replace(loginPage, "%%", `<p role="alert">Too many attempts; wait a little.</p>`, 1))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<10))
	form, err2 := url.ParseQuery(string(body))
	if err != nil || err2 != nil || !a.matches(form.Get("secret")) {
		a.noteWrong(r)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, strings.Replace(loginPage, "%%", `<p role="alert">This is not the secret.</p>`, 1))
		return
	}
	end := a.now().Add(cookieAge)
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: a.cookie(end), Path: "/", Expires: end,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
