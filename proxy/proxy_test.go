package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run starts a proxy for cfg and stops it at the end of the test.
func run(t *testing.T, cfg Config) *Proxy {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return p
}

func backend(t *testing.T, name, value string) Backend {
	t.Helper()
	b, err := ParseBackend(name, value)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fetcher(t *testing.T) *http.Client {
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func TestServesFromTheFirstRequest(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL, r.Header.Get("X-Forwarded-For"), body)
	}))
	defer srv.Close()
	p := run(t, Config{Source: Static([]Backend{backend(t, "a", srv.Listener.Addr().String())})})
	c := fetcher(t)
	url := "http://" + p.Addrs()["proxy"]
	for range 3 {
		resp, err := c.Get(url + "/x?a=1;b=2")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := string(body); got != "GET /x?a=1;b=2 127.0.0.1 " || resp.StatusCode != 200 {
			t.Fatalf("got %d %q", resp.StatusCode, got)
		}
	}
	big := strings.Repeat("x", 1<<20)
	resp, err := c.Post(url+"/p", "text/plain", io.MultiReader(strings.NewReader(big)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || len(body) != len("POST /p 127.0.0.1 ")+len(big) {
		t.Fatalf("got %d bytes, %v", len(body), err)
	}
}
