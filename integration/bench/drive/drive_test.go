package drive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/procs"
	"pingd/integration/procs/peers"
	"pingd/integration/procs/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// serve is a counter that answers as handle says.
func serve(t *testing.T, handle func(n int64, w http.ResponseWriter)) string {
	t.Helper()
	var visits atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { handle(visits.Add(1), w) }))
	t.Cleanup(s.Close)
	return s.URL
}

func number(n int64, w http.ResponseWriter) { fmt.Fprintln(w, n) }

// visits runs a short load and returns what the recorder saw.
func visits(t *testing.T, url string) (*Recorder, uint64) {
	t.Helper()
	base, failed, err := VisitOnce(t.Context(), url, 10*time.Second)
	if err != nil || failed != 0 {
		t.Fatalf("first visit: %v after %d tries", err, failed)
	}
	rec := NewRecorder(base)
	// As long as it takes a busy machine to make enough of them.
	var answered uint64
	for range 100 {
		h, err := Visits{URLs: []string{url}, Clients: 4, For: 100 * time.Millisecond, Timeout: 10 * time.Second}.Run(t.Context(), rec)
		if err != nil {
			t.Fatal(err)
		}
		answered += h.Count()
		if failed, _ := rec.Errors(); answered+uint64(failed) >= 200 {
			break
		}
	}
	return rec, answered
}

func TestVisitsOfASoundCounter(t *testing.T) {
	url := serve(t, number)
	rec, answered := visits(t, url)
	final, _, err := VisitOnce(t.Context(), url, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	a := rec.Account(final - 1)
	if a.Acked == 0 || uint64(a.Acked) != answered || a.Lost != 0 || a.Unclaimed != 0 {
		t.Errorf("account %+v of %d answers, want all of them and no loss", a, answered)
	}
	if n, kinds := rec.Errors(); n != 0 {
		t.Errorf("%d errors: %v", n, kinds)
	}
}

func TestVisitsTellALoss(t *testing.T) {
	// Every tenth number is handed out again to the next visit.
	var handed atomic.Int64
	url := serve(t, func(n int64, w http.ResponseWriter) {
		if n%10 == 0 {
			number(handed.Load(), w)
			return
		}
		number(handed.Add(1), w)
	})
	rec, _ := visits(t, url)
	if a := rec.Account(handed.Load()); a.Duplicates == 0 || a.Lost < a.Duplicates {
		t.Errorf("account %+v, want duplicates and their loss", a)
	}
}

func TestVisitsTellErrors(t *testing.T) {
	url := serve(t, func(n int64, w http.ResponseWriter) {
		switch {
		case n%3 == 0:
			http.Error(w, "no server", http.StatusServiceUnavailable)
		case n%5 == 0:
			panic(http.ErrAbortHandler) // the connection dies without an answer
		case n%7 == 0:
			fmt.Fprint(w, "hello")
		default:
			number(n, w)
		}
	})
	rec, _ := visits(t, url)
	n, kinds := rec.Errors()
	var sum int64
	for _, k := range kinds {
		sum += k
	}
	if n == 0 || sum != n {
		t.Errorf("%d errors of kinds %v", n, kinds)
	}
	for _, want := range []string{"status 503", "read answer", "answer is no number"} {
		if !strings.Contains(fmt.Sprint(kinds), want) {
			t.Errorf("no %q among %v", want, kinds)
		}
	}
}

func TestVisitsRefuseURLs(t *testing.T) {
	for _, url := range []string{"https://127.0.0.1/", "127.0.0.1:80", "http://", "http://[", "redis://127.0.0.1"} {
		_, err := Visits{URLs: []string{url}, Clients: 1, For: time.Millisecond}.Run(t.Context(), NewRecorder(0))
		if err == nil {
			t.Errorf("%q is taken", url)
		}
	}
}

func TestVisitOnceIsBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := serve(t, func(n int64, w http.ResponseWriter) {
		http.Error(w, "no", http.StatusServiceUnavailable)
		if n == 3 {
			cancel()
		}
	})
	_, failed, err := VisitOnce(ctx, url, time.Second)
	if !errors.Is(err, context.Canceled) || failed < 2 || !strings.Contains(err.Error(), "503") {
		t.Errorf("after %d tries: %v, want the end of the context and the last answer", failed, err)
	}
}

func TestKindDropsAddresses(t *testing.T) {
	refused := func() error {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := ln.Addr().String()
		ln.Close()
		_, err = wire.Dial(t.Context(), addr)
		return fmt.Errorf("connect: %w", err)
	}
	if a, b := kind(refused()), kind(refused()); a != b || !strings.Contains(a, "refused") {
		t.Errorf("kinds %q and %q, want the same", a, b)
	}
	if got := kind(errors.New(strings.Repeat("x", 1000))); len(got) > 200 {
		t.Errorf("a kind of %d bytes", len(got))
	}
}

func TestRecorderBoundsKinds(t *testing.T) {
	rec := NewRecorder(0)
	for i := range 100 {
		rec.Fail(fmt.Sprint("kind ", i))
	}
	if n, kinds := rec.Errors(); n != 100 || len(kinds) > maxKinds+1 {
		t.Errorf("%d errors of %d kinds", n, len(kinds))
	}
	if err := rec.Ack(1 << 50); err == nil {
		t.Error("an impossible number is taken")
	}
}

func TestAckedSince(t *testing.T) {
	rec := NewRecorder(0)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := rec.AckedSince(0)(ctx); !errors.Is(err, errSilent) {
		t.Errorf("silence is %v, want errSilent", err)
	}
	if err := rec.Ack(1); err != nil {
		t.Fatal(err)
	}
	if err := rec.AckedSince(0)(t.Context()); err != nil {
		t.Errorf("after an answer: %v", err)
	}
}

// TestRedis drives a real server with rounds and a writer.
func TestRedis(t *testing.T) {
	procs.Need(t, "redis-server", "redis-server")
	lab := procs.ForTest(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	g, err := peers.StartRedisGroup(ctx, lab, "redis", 1)
	if err != nil {
		t.Fatal(err)
	}
	master, replica := g.Servers[0].Addr, g.Servers[1].Addr
	t.Run("round", func(t *testing.T) {
		r := Round{Addr: master, Clients: 3, Pipeline: 4, Replicas: 1, Warm: 10 * time.Millisecond, For: time.Second}
		var got Result
		// On a busy machine the replica may not have got to it within a second.
		for range 5 {
			if got, err = r.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if got.Samples > 0 {
				break
			}
		}
		if got.Samples == 0 || got.Samples%4 != 0 || got.P50 <= 0 || got.P99 < got.P50 || got.Ops != float64(got.Samples) {
			t.Errorf("result %+v", got)
		}
		stored, err := wire.Ask(ctx, master, "GET", "bench:0")
		if err != nil || stored.Text == "" {
			t.Errorf("the first client's key holds %q, %v", stored.Text, err)
		}
	})
	t.Run("a server that refuses writes", func(t *testing.T) {
		r := Round{Addr: replica, Clients: 1, Pipeline: 1, For: 50 * time.Millisecond}
		var reply wire.Error
		if _, err := r.Run(ctx); !errors.As(err, &reply) {
			t.Errorf("error %v, want the server's", err)
		}
	})
	t.Run("writer goes elsewhere", func(t *testing.T) {
		rec := NewRecorder(0)
		run, stop := context.WithTimeout(ctx, 150*time.Millisecond)
		defer stop()
		w := Writer{Key: "w", Every: time.Millisecond, Try: 100 * time.Millisecond, Locate: InTurn([]string{replica, master})}
		if err := w.Run(run, rec); err != nil {
			t.Fatal(err)
		}
		final, err := wire.Ask(ctx, master, "INCRBY", "w", "0")
		if err != nil {
			t.Fatal(err)
		}
		a := rec.Account(final.Int)
		if n, _ := rec.Errors(); n != 1 || a.Acked == 0 || a.Lost != 0 || a.Unclaimed != 0 {
			t.Errorf("account %+v with %d errors, want one error (the replica refuses) and no loss", a, n)
		}
	})
	t.Run("writer that is told moves before its next write", func(t *testing.T) {
		rec := NewRecorder(0)
		run, stop := context.WithCancel(ctx)
		defer stop()
		moved := make(chan struct{}, 1)
		located := 0
		w := Writer{Key: "m", Try: time.Second, Moved: moved, Locate: func(context.Context, string) (string, error) {
			if located++; located < 3 {
				moved <- struct{}{}
			} else {
				stop()
			}
			return master, nil
		}}
		if err := w.Run(run, rec); err != nil {
			t.Fatal(err)
		}
		if n, kinds := rec.Errors(); located != 3 || n != 0 {
			t.Errorf("located %d times with errors %v, want 3 without any", located, kinds)
		}
	})
}

func TestInTurn(t *testing.T) {
	locate := InTurn([]string{"a", "b", "c"})
	last := ""
	var got []string
	for range 4 {
		last, _ = locate(t.Context(), last)
		got = append(got, last)
	}
	if fmt.Sprint(got) != "[a b c a]" {
		t.Errorf("order %v", got)
	}
}
