package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Loops count among Go's processors; see loop.Config.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	goleak.VerifyTestMain(m)
}

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

func TestStatusAndMetrics(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer srv.Close()
	reg := prometheus.NewPedanticRegistry()
	var lines syncBuffer
	p := run(t, Config{
		Source:  Merge(Static(nil), Static([]Backend{backend(t, "a", srv.Listener.Addr().String()+" check=/ weight=2")})),
		Metrics: reg, AccessLog: &lines,
	})
	resp, err := fetcher(t).Get("http://" + p.Addrs()["proxy"] + "/x")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	deadline := time.After(5 * time.Second)
	for !strings.Contains(lines.String(), "/x\" ") {
		select {
		case <-deadline:
			t.Fatalf("access log: %q", lines.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	s := p.Status().(Status)
	if len(s.Backends) != 1 {
		t.Fatalf("%+v", s)
	}
	row := s.Backends[0]
	if row.Name != "a" || row.State != "UP" || row.Check != "L7OK 200" || row.Weight != 2 || row.Responses["2xx"] != 1 || row.BytesOut != 2 || s.Accepted != 1 {
		t.Errorf("%+v", s)
	}
	for what, l := range map[string]Latency{"proxy": s.Latency, "backend": row.Latency} {
		var n uint64
		for _, c := range l.Counts {
			n += c
		}
		if n != 1 || len(l.Counts) != len(l.Bounds)+1 {
			t.Errorf("latency of the %s: %+v", what, l)
		}
	}
	if s.MaxConnections != 10_000 || s.PeakConnections != 1 || s.Refused["5xx"] != 0 || len(s.Refused) != 5 {
		t.Errorf("%+v", s)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	want := `# HELP pingd_proxy_requests_total Responses sent to clients, by service, backend and class; backend "none" for those of the proxy itself.
# TYPE pingd_proxy_requests_total counter
pingd_proxy_requests_total{backend="a",code="1xx",service="default"} 0
pingd_proxy_requests_total{backend="a",code="2xx",service="default"} 1
pingd_proxy_requests_total{backend="a",code="3xx",service="default"} 0
pingd_proxy_requests_total{backend="a",code="4xx",service="default"} 0
pingd_proxy_requests_total{backend="a",code="5xx",service="default"} 0
pingd_proxy_requests_total{backend="none",code="1xx",service="none"} 0
pingd_proxy_requests_total{backend="none",code="2xx",service="none"} 0
pingd_proxy_requests_total{backend="none",code="3xx",service="none"} 0
pingd_proxy_requests_total{backend="none",code="4xx",service="none"} 0
pingd_proxy_requests_total{backend="none",code="5xx",service="none"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "pingd_proxy_requests_total"); err != nil {
		t.Error(err)
	}
}

// syncBuffer is a buffer that one goroutine writes and another reads.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// pushed is a Source that its test drives.
type pushed chan []Backend

func (p pushed) Watch(ctx context.Context, fn func([]Backend)) error {
	for {
		select {
		case l, ok := <-p:
			if !ok {
				return errors.New("source broke")
			}
			fn(l)
		case <-ctx.Done():
			return nil
		}
	}
}

func TestMergeKeepsTheFirstOfAName(t *testing.T) {
	a, b := make(pushed), make(pushed)
	got := make(chan []Backend, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Merge(a, b).Watch(ctx, func(l []Backend) { got <- l }) }()
	b <- []Backend{{Name: "x", Addr: "late"}, {Name: "y"}}
	if l := <-got; len(l) != 2 {
		t.Error(l)
	}
	a <- []Backend{{Name: "x", Addr: "early"}}
	if l := <-got; len(l) != 2 || l[0].Addr != "early" || l[1].Name != "y" {
		t.Error(l)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSourceThatBreaksEndsTheProxy(t *testing.T) {
	src := make(pushed)
	p, err := New(Config{Addr: "127.0.0.1:0", Source: src})
	if err != nil {
		t.Fatal(err)
	}
	close(src)
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "source broke") {
		t.Error(err)
	}
}

func TestConfigMistakes(t *testing.T) {
	_, err := New(Config{MaxConn: -1, Queue: -1})
	for _, want := range []string{"no source", "no address", "maxconn -1", "queue timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	_, err = New(Config{Addr: "127.0.0.1:0", Source: Static(nil), MaxConn: 1, TLS: &TLS{Addr: "127.0.0.1:0"}})
	if err == nil || !strings.Contains(err.Error(), "maxconn 1 leaves nothing to plain HTTP beside 1 other") {
		t.Errorf("the TLS listener has the only connection: %v", err)
	}
	p, err := New(Config{Addr: "127.0.0.1:0", Source: Static(nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := New(Config{Addr: p.Addrs()["proxy"], Source: Static(nil)}); err == nil || !strings.Contains(err.Error(), "hint:") {
		t.Errorf("port taken twice: %v", err)
	}
}

func BenchmarkProxy(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer srv.Close()
	be, err := ParseBackend("a", srv.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	p, err := New(Config{Addr: "127.0.0.1:0", Source: Static([]Backend{be})})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	c, err := net.Dial("tcp", p.Addrs()["proxy"])
	if err != nil {
		b.Fatal(err)
	}
	request, buf := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.Write(request)
		if n, err := c.Read(buf); err != nil || !strings.HasSuffix(string(buf[:n]), "hello") {
			b.Fatalf("%q %v", buf[:n], err)
		}
	}
	_ = c.Close()
	cancel()
	<-ended
}
