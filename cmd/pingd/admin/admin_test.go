package admin

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fakeRole struct {
	ready  error
	status any
}

func (r *fakeRole) Status() any              { return r.status }
func (r *fakeRole) Ready() error             { return r.ready }
func (r *fakeRole) Addrs() map[string]string { return map[string]string{"proxy": "127.0.0.1:8080"} }

// newServer returns a server that is not running.
func newServer(t *testing.T, mutate func(*Config)) *Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Listener: ln, Name: "Node1", Version: "1.2", Hosts: []string{"0.0.0.0", "db.example.org"}, Registry: prometheus.NewRegistry()}
	if mutate != nil {
		mutate(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// ask sends a request to the handler.
func ask(s *Server, method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, nil)
	req.Host = "127.0.0.1"
	for _, c := range change {
		c(req)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, req)
	return w
}

func TestPaths(t *testing.T) {
	s := newServer(t, nil)
	s.Add("proxy", &fakeRole{status: map[string]int{"requests": 7}})
	for path, want := range map[string]string{
		"/healthz": "ok\n",
		"/readyz":  "ok\n",
		"/":        "pingd 1.2, node Node1",
		"/status":  `"requests": 7`,
		"/metrics": "promhttp_metric_handler_requests_total",
	} {
		w := ask(s, http.MethodGet, path)
		if path == "/metrics" {
			w = ask(s, http.MethodGet, path)
		}
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %q, want %q", path, w.Code, w.Body, want)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, w.Header())
		}
	}
	if w := ask(s, http.MethodGet, "/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("got %d", w.Code)
	}
}

func TestStatus(t *testing.T) {
	s := newServer(t, nil)
	s.Add("proxy", &fakeRole{status: "fine"})
	var st Status
	if err := json.Unmarshal(ask(s, http.MethodGet, "/status").Body.Bytes(), &st); err != nil {
		t.Fatal(err)
	}
	if st.Name != "Node1" || st.Version != "1.2" || st.Started.IsZero() || st.Roles["proxy"] != "fine" ||
		st.Addrs["proxy"] != "127.0.0.1:8080" || st.Addrs["admin"] != s.Addr() {
		t.Errorf("got %+v", st)
	}
}

func TestStatusThatIsNoJSON(t *testing.T) {
	s := newServer(t, nil)
	s.Add("proxy", &fakeRole{status: func() {}})
	if w := ask(s, http.MethodGet, "/status"); w.Code != http.StatusInternalServerError {
		t.Errorf("got %d", w.Code)
	}
}

func TestReady(t *testing.T) {
	s := newServer(t, nil)
	r := &fakeRole{ready: errors.New("no leader yet")}
	s.Add("store", r)
	if w := ask(s, http.MethodGet, "/readyz"); w.Code != http.StatusServiceUnavailable || w.Body.String() != "store: no leader yet\n" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	r.ready = nil
	if w := ask(s, http.MethodGet, "/readyz"); w.Code != http.StatusOK {
		t.Errorf("got %d", w.Code)
	}
	s.Stopping()
	if w := ask(s, http.MethodGet, "/readyz"); w.Code != http.StatusServiceUnavailable || w.Body.String() != "stopping\n" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	if w := ask(s, http.MethodGet, "/healthz"); w.Code != http.StatusOK {
		t.Errorf("a process that stops is alive; got %d", w.Code)
	}
}

func TestPageIsMountedBehindTheChecks(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Secret = "hush" })
	s.Mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "page "+r.URL.Path) }))
	if w := ask(s, http.MethodGet, "/api/v1/x"); w.Code != http.StatusUnauthorized {
		t.Errorf("without the secret: %d", w.Code)
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer hush") }
	if w := ask(s, http.MethodGet, "/api/v1/x", bearer); w.Body.String() != "page /api/v1/x" {
		t.Errorf("got %q", w.Body)
	}
	if w := ask(s, http.MethodGet, "/status", bearer); !strings.Contains(w.Body.String(), `"Node1"`) {
		t.Errorf("the page must not cover /status; got %q", w.Body)
	}
}

func TestHosts(t *testing.T) {
	s := newServer(t, nil)
	for host, want := range map[string]int{
		"127.0.0.1":            200,
		"10.1.2.3:19999":       200,
		"[::1]:19999":          200,
		"localhost":            200,
		"LOCALHOST:1":          200,
		"a.localhost":          200,
		"node1":                200,
		"NODE1:80":             200,
		"db.example.org":       200,
		"db.example.org.:80":   200,
		"evil.example.org":     421,
		"127.0.0.1.nip.io":     421,
		"localhost.evil.org":   421,
		"":                     421,
		"node1@evil.org":       421,
		"xdb.example.org":      421,
		"db.example.org.evil":  421,
		"\x00":                 421,
		"127.0.0.1:1.evil.org": 421,
	} {
		if w := ask(s, http.MethodGet, "/status", func(r *http.Request) { r.Host = host }); w.Code != want {
			t.Errorf("Host %q: got %d, want %d", host, w.Code, want)
		}
	}
}

func TestOnlyReads(t *testing.T) {
	s := newServer(t, nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"} {
		for _, path := range []string{"/", "/status", "/metrics", "/healthz"} {
			if w := ask(s, method, path); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: got %d", method, path, w.Code)
			}
		}
	}
	if w := ask(s, http.MethodHead, "/status"); w.Code != http.StatusOK {
		t.Errorf("HEAD: got %d", w.Code)
	}
}

func TestSecret(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Secret = "hush" })
	set := func(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	basic := func(user, pass string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, pass) }
	}
	good := s.auth.cookie(time.Now().Add(time.Hour))
	tests := []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"nothing", func(*http.Request) {}, 401},
		{"bearer", set("Authorization", "Bearer hush"), 200},
		{"bearer in small letters", set("Authorization", "bearer hush"), 200},
		{"wrong bearer", set("Authorization", "Bearer hus"), 401},
		{"empty bearer", set("Authorization", "Bearer "), 401},
		{"no scheme", set("Authorization", "hush"), 401},
		{"basic", basic("anybody", "hush"), 200},
		{"wrong basic", basic("hush", "x"), 401},
		{"basic that is none", set("Authorization", "Basic !"), 401},
		{"cookie", set("Cookie", cookieName+"="+good), 200},
		{"second of two cookies", set("Cookie", cookieName+"=x; "+cookieName+"="+good), 200},
		{"cookie of another secret", set("Cookie", cookieName+"="+newAuthority("x").cookie(time.Now().Add(time.Hour))), 401},
		{"old cookie", set("Cookie", cookieName+"="+s.auth.cookie(time.Now().Add(-time.Second))), 401},
		{"cookie with another end", set("Cookie", cookieName+"=9999999999."+strings.SplitN(good, ".", 2)[1]), 401},
		{"cookie without a signature", set("Cookie", cookieName+"=9999999999"), 401},
		{"wrong header, right cookie", func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer x")
			r.Header.Set("Cookie", cookieName+"="+good)
		}, 401},
	}
	for _, tt := range tests {
		for _, path := range []string{"/", "/status", "/metrics"} {
			if w := ask(s, http.MethodGet, path, tt.change); w.Code != tt.want {
				t.Errorf("%s, %s: got %d, want %d", tt.name, path, w.Code, tt.want)
			}
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			if w := ask(s, http.MethodGet, path, tt.change); w.Code != 200 {
				t.Errorf("%s, %s: got %d, want 200: these are for anybody", tt.name, path, w.Code)
			}
		}
	}
}

func TestLogin(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Secret = "hush" })
	w := ask(s, http.MethodGet, "/", func(r *http.Request) { r.Header.Set("Accept", "text/html") })
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login" {
		t.Fatalf("a browser is sent to %d %q", w.Code, w.Header().Get("Location"))
	}
	if w := ask(s, http.MethodGet, "/login"); w.Code != 200 || !strings.Contains(w.Body.String(), `type="password"`) {
		t.Errorf("form: %d %q", w.Code, w.Body)
	}
	post := func(body string) *httptest.ResponseRecorder {
		return ask(s, http.MethodPost, "/login", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body)) })
	}
	for _, body := range []string{"", "secret=", "secret=x", "secret=%zz", "secret=" + strings.Repeat("a", 5<<10), "other=hush"} {
		if w := post(body); w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) > 0 {
			t.Errorf("%.20q: got %d with %v", body, w.Code, w.Result().Cookies())
		}
	}
	w = post(url.Values{"secret": {"hush"}}.Encode())
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("got %d with %v", w.Code, cookies)
	}
	if w := ask(s, http.MethodGet, "/status", func(r *http.Request) { r.AddCookie(cookies[0]) }); w.Code != 200 {
		t.Errorf("with the cookie: %d", w.Code)
	}
}

func TestLoginIsSlowedDown(t *testing.T) {
	a := newAuthority("hush")
	now := time.Now()
	a.now = func() time.Time { return now }
	for i := range attempts {
		if !a.mayTry(fmt.Sprint("192.0.2.1:", 1000+i)) {
			t.Fatal("refused too early")
		}
	}
	if a.mayTry("192.0.2.1:9") {
		t.Fatal("one try more than allowed")
	}
	if !a.mayTry("192.0.2.2:9") || !a.mayTry("[2001:db8::1]:9") || !a.mayTry("") {
		t.Error("somebody else is kept out")
	}
	for i := range 2 * attempts { // who has one address of a network has all of them
		if got, want := a.mayTry(fmt.Sprintf("[2001:db8:5::%x%%eth0]:9", i)), i < attempts; got != want {
			t.Errorf("address %d of a network of version 6: %v", i, got)
		}
	}
	if a.mayTry("[::ffff:192.0.2.1]:9") {
		t.Error("the same address, written otherwise, may try on")
	}
	now = now.Add(attemptsPer)
	if !a.mayTry("192.0.2.1:9") {
		t.Error("refused for ever")
	}
	for i := range 3 * manyAddresses {
		a.mayTry(fmt.Sprintf("[2001:db8:0:%x::1]:9", i))
	}
	if len(a.tried) > manyAddresses {
		t.Errorf("%d addresses are remembered", len(a.tried))
	}
}

// TestWrongSecretsAreToldOf: guesses are seen, without filling the log, and keep nobody
// out who knows the secret, from the same address too.
func TestWrongSecretsAreToldOf(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, func(c *Config) { c.Secret, c.Logger = "hush", slog.New(slog.NewTextHandler(&log, nil)) })
	now := time.Now()
	s.auth.now = func() time.Time { return now }
	bearer := func(secret string) int {
		return ask(s, http.MethodGet, "/status", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }).Code
	}
	const guesses = 1000
	for i := range guesses {
		if code := bearer(fmt.Sprint(i)); code != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", i, code)
		}
	}
	if code := bearer("hush"); code != 200 {
		t.Errorf("who knows the secret is kept out: %d", code)
	}
	ask(s, http.MethodGet, "/status") // no guess
	ask(s, http.MethodPost, "/login", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("secret=x")) })
	text := ask(s, http.MethodGet, "/metrics", func(r *http.Request) { r.SetBasicAuth("x", "hush") }).Body.String()
	if want := fmt.Sprintf("pingd_admin_wrong_passwords_total %d\n", guesses+1); !strings.Contains(text, want) {
		t.Errorf("metrics lack %q", want)
	}
	now = now.Add(tellEvery)
	bearer("x")
	if n := strings.Count(log.String(), "wrong secret"); n != 2 {
		t.Errorf("told %d times, want 2:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), "hush") || !strings.Contains(log.String(), "remote=192.0.2.1:1234") {
		t.Errorf("told: %s", log.String())
	}
}

func TestRunServesAndStops(t *testing.T) {
	s := newServer(t, nil)
	streaming := make(chan struct{})
	s.Mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		close(streaming)
		<-r.Context().Done() // a stream ends with the process
	}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://" + s.Addr() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	<-streaming
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("an open stream holds up the stop")
	}
}

func TestRunFailsWithItsListener(t *testing.T) {
	s := newServer(t, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serve admin on 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
}

func TestNewNeedsAListener(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no error")
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	s := newServer(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // the server may stop reading half way: whether all is written is of no interest
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")
	}()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 64)
	n, _ := conn.Read(buf)
	if !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 431") {
		t.Errorf("got %q", buf[:n])
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestPast(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Remember = true })
	s.Add("proxy", &fakeRole{status: "busy"})
	s.Add("monitor", &fakeRole{status: "long"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	body := ""
	for end := time.Now().Add(20 * time.Second); !strings.Contains(body, "busy") && time.Now().Before(end); {
		<-time.After(10 * time.Millisecond)
		body = ask(s, http.MethodGet, fmt.Sprintf("/status/past?from=%d&to=%d", time.Now().Unix()-60, time.Now().Unix()+1)).Body.String()
	}
	if !strings.Contains(body, `"proxy":"busy"`) || strings.Contains(body, "long") {
		t.Errorf("remembered %q: a monitor has its own memory", body)
	}
	zipped := ask(s, http.MethodGet, "/status/past?from=0&to=9999999999", func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || !strings.Contains(string(text), "busy") {
		t.Errorf("compressed %q, %v", text, err)
	}
	if w := ask(s, http.MethodGet, "/status/past?from=x"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "hint: ") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestActions holds that a request which changes something reaches the page only
// where actions are on, and only with the secret.
func TestActions(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method) })
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer hush") }
	for name, tc := range map[string]struct {
		change func(*Config)
		path   string
		with   func(*http.Request)
		want   int
	}{
		"off":            {func(c *Config) { c.Secret = "hush" }, "/api/v1/x", bearer, 405},
		"no secret":      {func(c *Config) { c.Actions = true }, "/api/v1/x", bearer, 405},
		"not shown":      {func(c *Config) { c.Actions, c.Secret = true, "hush" }, "/api/v1/x", func(*http.Request) {}, 401},
		"another path":   {func(c *Config) { c.Actions, c.Secret = true, "hush" }, "/status", bearer, 405},
		"with it":        {func(c *Config) { c.Actions, c.Secret = true, "hush" }, "/api/v1/x", bearer, 200},
		"a strange host": {func(c *Config) { c.Actions, c.Secret = true, "hush" }, "/api/v1/x", func(r *http.Request) { bearer(r); r.Host = "evil.example.com" }, 421},
	} {
		s := newServer(t, tc.change)
		s.Mount(page)
		if w := ask(s, http.MethodPost, tc.path, tc.with); w.Code != tc.want {
			t.Errorf("%s: %d, want %d", name, w.Code, tc.want)
		}
	}
}

// TestProxyPart: who may tell the proxy something.
func TestProxyPart(t *testing.T) {
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method, " ", r.URL.Path) })
	from := func(addr, kind string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = addr; r.Header.Set("Content-Type", kind) }
	}
	key := func(r *http.Request) { r.Header.Set("Authorization", "Bearer s3cret") }
	open, closed := newServer(t, nil), newServer(t, func(c *Config) { c.Secret = "s3cret" })
	if w := ask(open, http.MethodGet, "/proxy/servers"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "hint: ") {
		t.Errorf("without a proxy: %d %s", w.Code, w.Body)
	}
	open.MountProxy(api)
	closed.MountProxy(api)
	for _, c := range []struct {
		name   string
		s      *Server
		method string
		change []func(*http.Request)
		want   int
	}{
		{"anybody may look", open, "GET", []func(*http.Request){from("10.1.2.3:4", "")}, 200},
		{"this machine may act", open, "POST", []func(*http.Request){from("127.0.0.1:4", "application/json")}, 200},
		{"this machine by IPv6", open, "POST", []func(*http.Request){from("[::1]:4", "application/json")}, 200},
		{"another may not", open, "POST", []func(*http.Request){from("10.1.2.3:4", "application/json")}, 405},
		{"a form on this machine may not", open, "POST", []func(*http.Request){from("127.0.0.1:4", "application/x-www-form-urlencoded")}, 405},
		{"a secret is asked for", closed, "POST", []func(*http.Request){from("127.0.0.1:4", "application/json")}, 401},
		{"and does", closed, "POST", []func(*http.Request){from("10.1.2.3:4", "application/json"), key}, 200},
		{"but not for a form", closed, "POST", []func(*http.Request){from("10.1.2.3:4", "text/plain"), key}, 405},
		{"nor for looking", closed, "GET", nil, 401},
	} {
		w := ask(c.s, c.method, "/proxy/servers", c.change...)
		if w.Code != c.want || c.want == 200 && w.Body.String() != c.method+" /servers" {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}
