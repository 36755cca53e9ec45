package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pingd/cmd/pingd/fleet"
	"pingd/cmd/pingd/survey"
	"pingd/proxy"
)

// TestHands does what the page asks for, to servers of several services, one of which
// has the sign between a service and a server in its name.
func TestHands(t *testing.T) {
	var told []proxy.Action
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_ = json.NewEncoder(w).Encode([]proxy.BackendStatus{{Service: "app/servers", Name: "a"}, {Service: "api", Name: "a"}, {Service: "api", Name: "b"}})
			return
		}
		var a proxy.Action
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
			t.Error(err)
		}
		told = append(told, a)
	}))
	defer srv.Close()
	var what atomic.Pointer[survey.Announcement]
	s := survey.New(survey.Only(&what), "", nil, slog.New(slog.DiscardHandler))
	h := hands{survey: s}
	if err := h.Drain(t.Context(), "b", true); !errors.Is(err, survey.ErrUnknown) {
		t.Errorf("before anything is known: %v", err)
	}
	what.Store(&survey.Announcement{Name: "one", Admin: strings.TrimPrefix(srv.URL, "http://"), Roles: []string{"proxy"}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Follow(ctx) }()
	for _, err := s.Nodes(); err != nil; _, err = s.Nodes() {
		<-time.After(time.Millisecond)
	}
	for _, err := range []error{
		h.Drain(ctx, "b", true), h.Drain(ctx, "api/a", false), h.SetWeight(ctx, "app/servers/a", 5),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []proxy.Action{{Service: "api", Server: "b", Do: "drain"}, {Service: "api", Server: "a", Do: "ready"}, {Service: "app/servers", Server: "a", Do: "weight", Weight: 5}}
	for i, w := range want {
		if i >= len(told) || told[i] != w {
			t.Fatalf("told %+v, want %+v", told, want)
		}
	}
	if err := h.Drain(ctx, "a", true); !errors.Is(err, fleet.ErrWhich) {
		t.Errorf("a name that two services have: %v", err)
	}
	if err := h.SetWeight(ctx, "api/none", 1); !errors.Is(err, fleet.ErrNoServer) {
		t.Errorf("nobody of that name: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
