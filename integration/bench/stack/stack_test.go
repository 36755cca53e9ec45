package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/procs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counting is a stack whose only part is a counter in this process. Every third number
// comes twice if it loses.
func counting(t *testing.T, loses bool) *Stack {
	t.Helper()
	var n, visits atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Server", "here")
		if visits.Add(1)%3 == 0 && loses {
			fmt.Fprint(w, n.Load())
			return
		}
		fmt.Fprint(w, n.Add(1))
	}))
	t.Cleanup(func() { http.DefaultClient.CloseIdleConnections(); s.Close() })
	url := s.URL + "/"
	return &Stack{
		Name: "counting", url: url, own: url,
		processes: func() []*procs.Process { return nil },
		app:       func() *procs.Process { return nil },
		whole:     func(context.Context) error { return nil },
	}
}

func TestVisit(t *testing.T) {
	for _, loses := range []bool{false, true} {
		f, err := counting(t, loses).Visit(t.Context(), 2, 500*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if f.Stack != "counting" || f.Clients != 2 || f.Acked < 1 || f.Rate <= 0 || f.P50 <= 0 || f.P99 < f.P50 || f.Errors != 0 {
			t.Errorf("loses %v: %+v", loses, f)
		}
		if (f.Duplicates > 0) != loses {
			t.Errorf("loses %v: %d came twice", loses, f.Duplicates)
		}
	}
}

// TestHurt adds an application, which answers after a few questions, and accounts for
// every visit meanwhile.
func TestHurt(t *testing.T) {
	s := counting(t, true)
	asked := 0
	s.addApp = func(context.Context) (time.Time, func(context.Context) error, error) {
		return time.Now(), func(context.Context) error {
			if asked++; asked < 3 {
				return errNoVisitYet
			}
			return nil
		}, nil
	}
	f, err := s.Hurt(t.Context(), "add-app")
	if err != nil {
		t.Fatal(err)
	}
	if f.Fault != "add-app" || f.Stack != "counting" || asked != 3 || f.Joined <= 0 || f.Acked == 0 || f.Duplicates == 0 || f.Lost == 0 || f.Gap <= 0 {
		t.Errorf("%+v, asked %d times", f, asked)
	}
	// What is never whole is not hurt.
	gone := errors.New("gone")
	s.whole = func(context.Context) error { return gone }
	if _, err := s.Hurt(t.Context(), "add-app"); !errors.Is(err, gone) {
		t.Error(err)
	}
}

// state is the letter of a process's state (proc(5)).
func state(t *testing.T, p *procs.Process) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

// TestAlone pauses the other stack, whichever runs, and never twice.
func TestAlone(t *testing.T) {
	lab := procs.ForTest(t)
	var all []*Stack
	var parts []*procs.Process
	for _, name := range []string{"one", "two"} {
		p, err := lab.Start(t.Context(), procs.Spec{Name: name, Path: "/bin/sleep", Args: []string{"600"}})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
		all = append(all, &Stack{Name: name, processes: func() []*procs.Process { return []*procs.Process{p} }})
	}
	stands := func(p *procs.Process, want bool) func(context.Context) error {
		return func(context.Context) error {
			if got := state(t, p); (got == "T") != want {
				return fmt.Errorf("%s is %s", p.Name(), got)
			}
			return nil
		}
	}
	for _, run := range []int{0, 0, 1, 0} {
		if err := all[run].Alone(all); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if err := errors.Join(procs.Poll(ctx, stands(parts[run], false)), procs.Poll(ctx, stands(parts[1-run], true))); err != nil {
			t.Errorf("%s alone: %v", all[run].Name, err)
		}
		cancel()
	}
	if f, err := all[0].Footprint(); err != nil || f.Processes != 1 || f.Memory <= 0 {
		t.Errorf("%+v, %v", f, err)
	}
	if err := parts[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Footprint(); !errors.Is(err, procs.ErrNotRunning) {
		t.Errorf("of a process that has ended: %v", err)
	}
}

func TestFetch(t *testing.T) {
	s := counting(t, false)
	body, head, err := Fetch(t.Context(), s.url)
	if err != nil || string(body) != "1" || head.Get("X-Server") != "here" {
		t.Errorf("%q, %v, %v", body, head, err)
	}
	for _, url := range []string{"http://127.0.0.1:1/", "://", "http://\x7f/"} {
		if _, _, err := Fetch(t.Context(), url); err == nil {
			t.Errorf("%q was fetched", url)
		}
	}
}
