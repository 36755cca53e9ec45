package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/peers"
	"pingd/proxy"
)

// getting sends about 1,000 GETs a second to a proxy until end is called.
type getting struct {
	done   atomic.Int64 // answered, rightly or not
	failed atomic.Int64
	first  atomic.Pointer[error] // the first failure
	end    func()
}

const getters, getEvery = 20, 20 * time.Millisecond

func startGetting(t *testing.T, url, want string) *getting {
	t.Helper()
	return startGettingOver(t, &http.Transport{MaxIdleConnsPerHost: getters, DisableCompression: true}, getters, url, want)
}

func startGettingOver(t *testing.T, transport *http.Transport, clients int, url, want string) *getting {
	t.Helper()
	g := &getting{}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			tick := time.NewTicker(getEvery)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				if err := getOnce(client, url, want); err != nil {
					g.failed.Add(1)
					g.first.CompareAndSwap(nil, &err)
				}
				g.done.Add(1)
			}
		})
	}
	g.end = sync.OnceFunc(func() {
		close(stop)
		wg.Wait()
		transport.CloseIdleConnections()
	})
	t.Cleanup(g.end)
	return g
}

func getOnce(client *http.Client, url, want string) error {
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || string(body) != want) {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return err
}

// more waits until n further requests have been answered.
func (g *getting) more(t *testing.T, n int64) {
	t.Helper()
	until := g.done.Load() + n
	eventually(t, func(context.Context) error {
		if g.done.Load() < until {
			return errors.New("the load stands still")
		}
		return nil
	})
}

// check ends the load: no client may have seen a failure.
func (g *getting) check(t *testing.T) {
	t.Helper()
	g.end()
	if n := g.failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed, the first with: %v", n, g.done.Load(), *g.first.Load())
	}
}

// row finds a backend in the proxy's status.
func row(ctx context.Context, admin, addr string) (proxy.BackendStatus, error) {
	var s proxy.Status
	if err := roleStatus(ctx, admin, "proxy", &s); err != nil {
		return proxy.BackendStatus{}, err
	}
	for _, b := range s.Backends {
		if b.Addr == addr {
			return b, nil
		}
	}
	return proxy.BackendStatus{}, fmt.Errorf("no backend %s in %+v", addr, s.Backends)
}

// rotation waits until a backend is in rotation, or out of it.
func rotation(t *testing.T, admin, addr string, in bool) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		b, err := row(ctx, admin, addr)
		if err == nil && (b.State == "UP") != in {
			err = fmt.Errorf("backend %s is %s", addr, b.State)
		}
		return err
	})
}

// outWithin is promised for a backend that was killed under load.
const outWithin = 100 * time.Millisecond

// killOne returns how long a killed backend stays in rotation.
func killOne(t *testing.T, admin string, app *peers.Proxy) time.Duration {
	t.Helper()
	killed := time.Now()
	if err := app.Kill(); err != nil {
		t.Fatal(err)
	}
	rotation(t, admin, app.Addr, false)
	out := time.Since(killed)
	t.Logf("out of rotation %s after kill -9", out)
	return out
}

func restart(t *testing.T, admin string, app *peers.Proxy) {
	t.Helper()
	if err := app.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	rotation(t, admin, app.Addr, true)
}

// Backends die, come back and are restarted one after the other; nobody who
// asks the proxy notices, whichever engine serves him.
func TestProxyHidesItsBackendsFaults(t *testing.T) {
	for name, loops := range map[string]string{"loops": "0", "goroutines": "-1"} {
		t.Run(name, func(t *testing.T) { hidesFaults(t, "--proxy-loops="+loops) })
	}
}

func hidesFaults(t *testing.T, args ...string) {
	procs.Need(t, "nginx", "nginx-light")
	lab := procs.ForTest(t)
	var apps []*peers.Proxy
	for i := range 3 {
		app, err := peers.StartBackend(within(t), lab, fmt.Sprintf("app%d", i+1), "hello")
		if err != nil {
			t.Fatal(err)
		}
		apps = append(apps, app)
		args = append(args, "--backend="+app.Addr)
	}
	p := startSingle(t, lab, "front", "proxy", args...)
	for _, app := range apps {
		rotation(t, p.Admin, app.Addr, true)
	}
	load := startGetting(t, "http://"+p.Proxy+"/", "hello")
	load.more(t, 500)

	t.Run("kill -9", func(t *testing.T) {
		best := time.Hour
		for try := 0; try < 3 && best > outWithin; try++ { // the machine may be busy with something else once
			if try > 0 {
				restart(t, p.Admin, apps[0])
			}
			best = min(best, killOne(t, p.Admin, apps[0]))
		}
		if best > outWithin {
			t.Errorf("out of rotation after %s, promised within %s under load", best, outWithin)
		}
		before, err := row(within(t), p.Admin, apps[0].Addr)
		if err != nil {
			t.Fatal(err)
		}
		load.more(t, 500)
		after, err := row(within(t), p.Admin, apps[0].Addr)
		if err != nil {
			t.Fatal(err)
		}
		if after.Requests != before.Requests {
			t.Errorf("%d requests went to a dead backend", after.Requests-before.Requests)
		}
	})
	t.Run("back", func(t *testing.T) {
		began := time.Now()
		restart(t, p.Admin, apps[0])
		t.Logf("back in rotation %s after its restart", time.Since(began))
		before, err := row(within(t), p.Admin, apps[0].Addr)
		if err != nil {
			t.Fatal(err)
		}
		load.more(t, 300)
		after, err := row(within(t), p.Admin, apps[0].Addr)
		if err != nil {
			t.Fatal(err)
		}
		if after.Requests == before.Requests {
			t.Error("it gets no requests")
		}
	})
	t.Run("rolling restart", func(t *testing.T) {
		for _, app := range apps {
			if err := app.Terminate(within(t)); err != nil {
				t.Fatal(err)
			}
			rotation(t, p.Admin, app.Addr, false)
			restart(t, p.Admin, app)
		}
		load.more(t, 300)
	})
	load.check(t)
	t.Logf("%d requests, %d failed", load.done.Load(), load.failed.Load())
	if err := p.Terminate(within(t)); err != nil {
		t.Error(err)
	}
}
