package accesslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pingd/proxy/exchange"
	"pingd/proxy/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func record() *exchange.Record {
	ms := wire.Instant(time.Millisecond)
	return &exchange.Record{
		Client: []byte("10.0.0.1"), Method: []byte("GET"), Host: []byte("example.com"), Target: []byte("/a\"\\\xff?b"),
		Status: 200, End: "ok", Start: ms, Picked: 2 * ms, Connected: 4 * ms, Answered: 7 * ms, Done: 11 * ms,
		Retries: 1, Redispatches: 1, In: 3, Out: 512,
	}
}

func TestText(t *testing.T) {
	line := string(AppendText(nil, record()))
	_, rest, _ := strings.Cut(line, "] ")
	want := "- 1.000/2.000/3.000/10.000 200 512 1/1 \"ok\" \"GET example.com /a\\u0022\\u005c\\u00ff?b\"\n"
	if rest != want || !strings.HasPrefix(line, "10.0.0.1 [") {
		t.Errorf("got  %q\nwant %q", rest, want)
	}
	line = string(AppendText(nil, &exchange.Record{Start: 1, Done: 1, Status: 400, End: "request refused: x"}))
	if !strings.Contains(line, "] - -/-/-/0.000 400 0 0/0 ") || !strings.HasPrefix(line, "- [") {
		t.Errorf("got %q", line)
	}
}

func TestJSON(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal(AppendJSON(nil, record()), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"client": "10.0.0.1", "target": "/a\"\\\u00ff?b", "status": 200.0, "total_ms": 10.0, "queue_ms": 1.0,
		"bytes_in": 3.0, "end": "ok", "retries": 1.0,
	} {
		if got[key] != want {
			t.Errorf("%s = %v, want %v", key, got[key], want)
		}
	}
	clear(got)
	if err := json.Unmarshal(AppendJSON(nil, &exchange.Record{Start: 1, Done: 2}), &got); err != nil {
		t.Fatal(err)
	}
	if _, there := got["response_ms"]; there {
		t.Error("a step that was not reached has a time")
	}
}

// sink is a writer that can be blocked.
type sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
	n   int
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.buf.Write(p)
	return len(p), s.err
}

func TestBatchesAndFlushesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sink
		l := New(&s, false, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { l.Run(ctx); close(ended) }()
		for range 100 {
			l.Add(record())
		}
		<-time.After(flushEvery + time.Millisecond) // fake time
		synctest.Wait()
		if s.n != 1 || bytes.Count(s.buf.Bytes(), []byte("\n")) != 100 {
			t.Errorf("%d writes of %d lines", s.n, bytes.Count(s.buf.Bytes(), []byte("\n")))
		}
		l.Add(record())
		cancel()
		<-ended
		if s.n != 2 {
			t.Errorf("%d writes after the end", s.n)
		}
	})
}

func TestDropsInsteadOfBlocking(t *testing.T) {
	var said bytes.Buffer
	s := sink{err: errors.New("disk full")}
	l := New(&s, true, slog.New(slog.NewTextHandler(&said, nil)))
	r := record()
	for l.dropped == 0 {
		l.Add(r)
	}
	l.flush()
	if !strings.Contains(said.String(), "lines=1") || !strings.Contains(said.String(), "disk full") {
		t.Errorf("log says %q", said.String())
	}
	l.Add(r)
	if len(l.pending) == 0 {
		t.Error("nothing is taken after a flush")
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	l := New(&sink{}, false, nil)
	l.pending = make([]byte, 0, 1<<20)
	r := record()
	if n := testing.AllocsPerRun(100, func() { l.Add(r) }); n > 0 {
		t.Errorf("%v allocations per line", n)
	}
}
