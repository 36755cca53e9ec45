package proxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestCompression: over every protocol that clients speak, also from a server of HTTP/2,
// and in many ways at once; the metrics tell.
func TestCompression(t *testing.T) {
	page := []byte(strings.Repeat("All work and no play makes Jack a dull boy. ", 2000))
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Trailer", "X-Sum")
		_, _ = w.Write(page[:100])
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(page[100:])
		w.Header().Set("X-Sum", "7")
	}))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	defer srv.Close()
	for _, proto := range []string{"", " proto=h2"} {
		reg := prometheus.NewRegistry()
		source := Static([]Backend{backend(t, "a", srv.Listener.Addr().String()+proto)})
		p, pool := runSecure(t, Config{Source: source, Compress: &Compression{}, Metrics: reg})
		for name, c := range map[string]struct {
			url    string
			client *http.Client
		}{
			"plain":    {"http://" + p.Addrs()["proxy"], over(t, pool, false)},
			"HTTP/1.1": {"https://" + p.Addrs()["proxy-tls"], over(t, pool, false)},
			"HTTP/2.0": {"https://" + p.Addrs()["proxy-tls"], over(t, pool, true)},
		} {
			t.Run(name+proto, func(t *testing.T) {
				for range 3 {
					compressed(t, c.client, c.url, page)
				}
			})
		}
		told(t, reg, `pingd_proxy_compressed_total{result="compressed"} 9`, fmt.Sprintf(`pingd_proxy_compression_bytes_total{direction="in"} %d`, 9*len(page)))
	}
}

// compressed fetches url and checks that it is page, compressed.
func compressed(t *testing.T, c *http.Client, url string, page []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "br, gzip")
	resp, body := fetchReq(t, c, req)
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %+v", err, resp)
	}
	text, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(text, page) || len(body) > len(page)/10 || resp.Header.Get("Content-Encoding") != "gzip" || resp.Header.Get("Vary") != "Accept-Encoding" || resp.Trailer.Get("X-Sum") != "7" {
		t.Errorf("%d of %d bytes, %v: %+v", len(text), len(page), err, resp)
	}
}

// told waits until the metrics say all of want: a client may have the last byte of its
// response before the proxy has counted it.
func told(t *testing.T, reg *prometheus.Registry, want ...string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); ; {
		text := metricsText(t, reg)
		if !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(text, w+"\n") }) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(text)
		}
	}
}

// metricsText is what reg exports.
func metricsText(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				fmt.Fprintf(&b, "%s{%s=%q} %d\n", f.GetName(), l.GetName(), l.GetValue(), int64(m.GetCounter().GetValue()))
			}
		}
	}
	return b.String()
}
