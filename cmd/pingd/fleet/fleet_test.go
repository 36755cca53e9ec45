package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member serves what a proxy's admin listener does, for a cluster with a secret.
func member(t *testing.T, name string, rows []proxy.BackendStatus, told *[]proxy.Action) Member {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /proxy/servers", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(rows)
	})
	mux.HandleFunc("GET /proxy/explain", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode([]proxy.Request{{ID: r.URL.Query().Get("id"), Server: name, Time: time.Unix(int64(len(rows)), 0)}})
	})
	mux.HandleFunc("POST /proxy/servers", func(w http.ResponseWriter, r *http.Request) {
		var a proxy.Action
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v, %v", err, r.Header)
		}
		*told = append(*told, a)
		w.WriteHeader(http.StatusNoContent)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return Member{name, strings.TrimPrefix(s.URL, "http://")}
}

func TestFleet(t *testing.T) {
	var told []proxy.Action
	one := member(t, "p1", []proxy.BackendStatus{{Service: "b", Name: "x", State: "UP"}, {Service: "a", Name: "y", State: "UP"}}, &told)
	two := member(t, "p2", []proxy.BackendStatus{{Service: "b", Name: "x", State: "DOWN"}, {Service: "a", Name: "x"}, {Service: "c", Name: "z"}}, &told)
	dead := Member{"p3", ""}
	f := &Fleet{Members: []Member{one, two, dead}, Secret: "s3cret"}

	rows, silent, err := f.Servers(t.Context())
	if err != nil || len(silent) != 1 || silent["p3"] == nil {
		t.Fatal(silent, err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, r.Service+"/"+r.Name)
	}
	if strings.Join(got, " ") != "a/x a/y b/x c/z" || rows[2].Seen["p1"].State != "UP" || rows[2].Seen["p2"].State != "DOWN" || len(rows[0].Seen) != 1 {
		t.Errorf("%v: %+v", got, rows)
	}

	found, _, err := f.Explain(t.Context(), "a b&c")
	if err != nil || len(found) != 2 || found[0].ID != "a b&c" || found[0].Proxy != "p2" || found[1].Proxy != "p1" {
		t.Errorf("%+v, %v", found, err)
	}

	if _, err := f.Act(t.Context(), proxy.Action{Server: "q", Do: "drain"}); !errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
	if _, err := f.Act(t.Context(), proxy.Action{Server: "x", Do: "drain"}); !errors.Is(err, ErrWhich) {
		t.Error(err)
	}
	service, err := f.Act(t.Context(), proxy.Action{Server: "x", Service: "b", Do: "weight", Weight: 3})
	if err != nil || service != "b" || len(told) != 1 || told[0] != (proxy.Action{Server: "x", Service: "b", Do: "weight", Weight: 3}) {
		t.Errorf("%q, %v, told %+v", service, err, told)
	}
}

func TestNobodyAnswers(t *testing.T) {
	m := member(t, "p1", nil, nil)
	for name, f := range map[string]*Fleet{
		"wrong secret": {Members: []Member{m}, Secret: "guess"},
		"no admin":     {Members: []Member{{Name: "p1"}}},
		"nobody":       {},
	} {
		if _, _, err := f.Servers(t.Context()); !errors.Is(err, ErrNoProxy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Fleet{Members: []Member{m}, Secret: "s3cret"}).Act(ctx, proxy.Action{Server: "x"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
