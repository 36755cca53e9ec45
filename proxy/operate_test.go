package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// two starts a proxy with two servers, and returns which of them got how many of n
// requests.
func two(t *testing.T, cfg Config) (p *Proxy, shares func(n int) map[string]int) {
	t.Helper()
	var list []Backend
	for _, name := range []string{"a", "b"} {
		_ = named(t, name).Watch(cancelled(), func(l []Backend) { list = append(list, l...) })
	}
	cfg.Source = Static(list)
	p = run(t, cfg)
	settled(t, p, 2)
	c := fetcher(t)
	return p, func(n int) map[string]int {
		got := map[string]int{}
		for range n {
			_, body := ask(t, c, p, "h", "/")
			got[body[:1]]++
		}
		return got
	}
}

func TestAct(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		p, shares := two(t, Config{Loops: loops})
		act := func(a Action) {
			t.Helper()
			if err := p.Act(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		act(Action{Server: "a", Do: "drain"})
		if got := shares(6); got["b"] != 6 {
			t.Errorf("drained: %v", got)
		}
		if s := p.Status().(Status); s.Backends[0].State != "DRAIN" || s.Backends[0].Weight != 0 {
			t.Errorf("%+v", s.Backends[0])
		}
		act(Action{Server: "a", Do: "ready"})
		act(Action{Service: "default", Server: "b", Do: "weight", Weight: 3})
		if got := shares(16); got["b"] < 10 || got["a"] < 2 { // each loop has its own turns
			t.Errorf("weight 3: %v", got)
		}
		act(Action{Server: "a", Do: "drain"})
		act(Action{Server: "b", Do: "weight", Weight: 0})
		if resp, body := ask(t, fetcher(t), p, "h", "/"); resp.StatusCode != 503 {
			t.Errorf("nothing left: %s %q", resp.Status, body)
		}
		act(Action{Server: "b", Do: "weight", Weight: -1})
		act(Action{Server: "a", Do: "ready"})
		if s := p.Status().(Status); s.Backends[0].Weight != 1 || s.Backends[1].Weight != 1 {
			t.Errorf("%+v", s.Backends)
		}
		for name, a := range map[string]Action{"no server": {Server: "x", Do: "drain"}, "no action": {Server: "a", Do: "kill"}, "heavy": {Server: "a", Do: "weight", Weight: 257}} {
			if err := p.Act(t.Context(), a); err == nil {
				t.Error(name)
			}
		}
	})
}

func TestSameNameInTwoServices(t *testing.T) {
	src := Static([]Backend{{Name: "a", Addr: "127.0.0.1:1", Weight: 1}})
	p := run(t, Config{Source: src, Routes: []Route{{pattern(t, "/x"), Service{Name: "x", Source: src}}}})
	until := func() error { return p.Act(t.Context(), Action{Server: "a", Do: "drain"}) }
	for err := until(); !errors.Is(err, ErrWhich); err = until() {
		if !errors.Is(err, ErrNoServer) && err != nil { // the lists are on their way
			t.Fatal(err)
		}
	}
	if err := p.Act(t.Context(), Action{Service: "x", Server: "a", Do: "drain"}); err != nil {
		t.Error(err)
	}
}

func TestExplain(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		p, _ := two(t, Config{Loops: loops, Name: "p1"})
		c := fetcher(t)
		resp, body := ask(t, c, p, "h", "/why?x")
		id := resp.Header.Get("X-Request-Id")
		found := p.Explain(id)
		for len(found) == 0 { // the answer may be here before the request is over there
			found = p.Explain(id)
		}
		q := found[0]
		if len(found) != 1 || q.Proxy != "p1" || q.Target != "/why?x" || q.Server != body[:1] || q.Status != 200 || q.Service != "default" || q.Why == "" {
			t.Errorf("%+v", found)
		}
		if got := p.Explain("0000000000000000"); len(got) != 0 {
			t.Error(got)
		}
	})
}

func TestAPI(t *testing.T) {
	p, shares := two(t, Config{})
	srv := httptest.NewServer(http.StripPrefix("/proxy", p.API()))
	defer srv.Close()
	do := func(method, path, body string) (int, string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
		resp, text := fetchReq(t, srv.Client(), req)
		return resp.StatusCode, text
	}
	code, text := do("GET", "/proxy/servers", "")
	var rows []BackendStatus
	if err := json.Unmarshal([]byte(text), &rows); err != nil || code != 200 || len(rows) != 2 || rows[0].Name != "a" {
		t.Errorf("%d %s %v", code, text, err)
	}
	if code, text := do("POST", "/proxy/servers", `{"server":"a","do":"drain"}`); code != 204 {
		t.Errorf("%d %s", code, text)
	}
	if got := shares(4); got["b"] != 4 {
		t.Error(got)
	}
	for body, want := range map[string]int{`{"server":"x","do":"drain"}`: 404, `{"server":"a","do":"x"}`: 400, `{`: 400, `"` + strings.Repeat("x", maxAction) + `"`: 400} {
		if code, text := do("POST", "/proxy/servers", body); code != want {
			t.Errorf("%.40s: %d %s", body, code, text)
		}
	}
	resp, _ := ask(t, fetcher(t), p, "h", "/")
	for {
		code, text := do("GET", "/proxy/explain?id="+resp.Header.Get("X-Request-Id"), "")
		var found []Request
		if err := json.Unmarshal([]byte(text), &found); err != nil || code != 200 {
			t.Fatalf("%d %s %v", code, text, err)
		}
		if len(found) == 1 {
			break
		}
	}
	if code, _ := do("DELETE", "/proxy/servers", ""); code != 405 {
		t.Error(fmt.Sprint("DELETE gives ", code))
	}
}
