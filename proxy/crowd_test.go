package proxy

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd has clients ask one after the other, each over a connection of its own, until
// ctx ends, and counts the answers.
func crowd(ctx context.Context, t *testing.T, wg *sync.WaitGroup, pool *x509.CertPool, url string) *atomic.Int64 {
	t.Helper()
	answers := new(atomic.Int64)
	c := over(t, pool, false)
	c.Transport.(*http.Transport).DisableKeepAlives = true
	for range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if asked(ctx, c, url) {
					answers.Add(1)
				}
			}
		})
	}
	return answers
}

func asked(ctx context.Context, c *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := c.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == 200
}

// TestCrowdedListeners: with more clients than may be served at once at every listener,
// none of them is left out.
func TestCrowdedListeners(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
		defer srv.Close()
		source := Static([]Backend{backend(t, "a", srv.Listener.Addr().String())})
		p, pool := runSecure(t, Config{
			Source: source, Loops: loops, MaxConn: 4,
			TCP: []TCP{{Addr: "127.0.0.1:0", Service: Service{Name: "tcp", Source: source}}},
		})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		var wg sync.WaitGroup
		at := p.Addrs()
		counts := map[string]*atomic.Int64{}
		for name, url := range map[string]string{"plain": "http://" + at["proxy"], "TLS": "https://" + at["proxy-tls"], "TCP": "http://" + at["proxy-tcp tcp"]} {
			counts[name] = crowd(ctx, t, &wg, pool, url)
		}
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for served := false; !served; {
			served = true
			for _, n := range counts {
				served = served && n.Load() >= 20
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				for name, n := range counts {
					t.Errorf("%s: %d answers", name, n.Load())
				}
				served = true
			}
		}
		stop()
		wg.Wait()
	})
}

// TestCrowdedByTheKept: clients that hold all connections there may be, and ask on, let
// others in: each leaves after its answer when somebody waits.
func TestCrowdedByTheKept(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
		defer srv.Close()
		p := run(t, Config{Source: Static([]Backend{backend(t, "a", srv.Listener.Addr().String())}), Loops: loops, MaxConn: 3})
		url := "http://" + p.Addrs()["proxy"]
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		var wg sync.WaitGroup
		for range 3 {
			c := fetcher(t)
			wg.Go(func() {
				for ctx.Err() == nil {
					asked(ctx, c, url)
				}
			})
		}
		for i := range 5 {
			newcomer := fetcher(t)
			newcomer.Timeout = 0 // the minute is for all of it
			if !asked(ctx, newcomer, url) {
				t.Errorf("newcomer %d is not let in", i)
			}
		}
		stop()
		wg.Wait()
	})
}
