package accesslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
		Retries: 1, Redispatches: 1, In: 3, Out: 512, ID: []byte("id1"), Service: "sh\"op", Secure: true, HTTP2: true,
	}
}

func TestText(t *testing.T) {
	line := string(AppendText(nil, record()))
	_, rest, _ := strings.Cut(line, "] ")
	want := "- 1.000/2.000/3.000/10.000 200 512 1/1 \"ok\" \"GET example.com /a\\u0022\\u005c\\u00ff?b\" id1 sh\\u0022op\n"
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
		"id": "id1", "service": "sh\"op", "protocol": "HTTP/2", "tls": true,
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

// TestDropsInsteadOfBlocking: a writer that does not keep up costs lines, which
// are counted, and never time.
func TestDropsInsteadOfBlocking(t *testing.T) {
	var said bytes.Buffer
	var s sink
	l := New(&s, true, slog.New(slog.NewTextHandler(&said, nil)))
	r := record()
	b := l.NewBatch()
	added := int64(0)
	for l.dropped.Load() == 0 { // nobody writes
		b.Add(r)
		added++
	}
	dropped := l.dropped.Load()
	l.flush()
	if want := fmt.Sprintf("lines=%d", dropped); !strings.Contains(said.String(), want) {
		t.Errorf("log says %q, not %s", said.String(), want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.Add(r)
	l.Run(ctx) // writes what waits
	if lines := int64(bytes.Count(s.buf.Bytes(), []byte("\n"))); lines != added-dropped {
		t.Errorf("%d lines written of %d, %d dropped", lines, added, dropped)
	}
	if b.Flush(); len(l.full) != 1 {
		t.Error("nothing is taken after lines were dropped")
	}
}

func TestWriterThatFails(t *testing.T) {
	var said bytes.Buffer
	l := New(&sink{err: errors.New("disk full")}, false, slog.New(slog.NewTextHandler(&said, nil)))
	l.Add(record())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if l.Run(ctx); !strings.Contains(said.String(), "disk full") {
		t.Errorf("log says %q", said.String())
	}
}

// TestManyWriters: every line of every goroutine is written once and whole.
func TestManyWriters(t *testing.T) {
	var s sink
	l := New(&s, false, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { l.Run(ctx); close(ended) }()
	want := string(AppendText(nil, record()))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			b := l.NewBatch()
			defer b.Flush()
			for range 2000 {
				if i == 0 {
					l.Add(record())
				} else {
					b.Add(record())
				}
			}
		})
	}
	wg.Wait()
	cancel()
	<-ended
	lines := strings.SplitAfter(s.buf.String(), "\n")
	if len(lines) != 8001 {
		t.Fatalf("%d lines", len(lines)-1)
	}
	for _, line := range lines[:8000] {
		if line != want {
			t.Fatalf("a line is %q", line)
		}
	}
}

// TestStamps: the cached second must not outlive it.
func TestStamps(t *testing.T) {
	var s stamper
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(0, 999_999_999), time.Unix(1, 0), time.Unix(0, 5_000_000), time.Unix(1e9, 120_000_000)} {
		want := at.UTC().Format("2006-01-02T15:04:05.000Z")
		if got := string(s.append(nil, at)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.000", 499: "0.000", 500: "0.001", time.Microsecond: "0.001", time.Millisecond: "1.000", 12*time.Hour + 5*time.Microsecond: "43200000.005",
	} {
		if got := string(appendMillis(nil, d)); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	l := New(&sink{}, false, nil)
	b := l.NewBatch()
	b.lines = make([]byte, 0, flushSize)
	r := record()
	if n := testing.AllocsPerRun(100, func() { b.Add(r) }); n > 0 {
		t.Errorf("%v allocations per line", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	l := New(&sink{}, false, nil)
	batch, r := l.NewBatch(), record()
	for b.Loop() {
		batch.Add(r)
		batch.lines = batch.lines[:0]
	}
}
