package admin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// With certificates of clients asked for, everything but the health needs one.
func TestClientCertificates(t *testing.T) {
	s := newServer(t, func(c *Config) { c.ClientCerts = true })
	shown := func(r *http.Request) {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{}}}}
	}
	unverified := func(r *http.Request) {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	}
	for path, want := range map[string]int{"/": 403, "/status": 403, "/metrics": 403, "/login": 403, "/healthz": 200, "/readyz": 200} {
		for _, none := range []func(*http.Request){func(*http.Request) {}, unverified} {
			if w := ask(s, http.MethodGet, path, none); w.Code != want {
				t.Errorf("%s without a certificate: got %d, want %d", path, w.Code, want)
			}
		}
		if w := ask(s, http.MethodGet, path, shown); w.Code != 200 && !(path == "/metrics" && w.Code == 404) {
			t.Errorf("%s with a certificate: got %d", path, w.Code)
		}
	}
}

// Over TLS the cookie of a login is for TLS only, and what comes without TLS is told so.
func TestTLS(t *testing.T) {
	signed := httptest.NewUnstartedServer(nil)
	signed.StartTLS()
	signed.Close()
	s := newServer(t, func(c *Config) { c.TLS, c.Secret = signed.TLS, "hush" })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	client := signed.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.PostForm("https://"+s.Addr()+"/login", url.Values{"secret": {"hush"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if cookies := resp.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("got %d with %v", resp.StatusCode, cookies)
	}
	client.CloseIdleConnections()
	resp, err = http.Get("http://" + s.Addr() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: got %d", resp.StatusCode)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
