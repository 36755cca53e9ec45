package api

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"pingd/monitor/board"
	"pingd/monitor/history"
)

// long is a server over an hour of as many series as are answered at once.
func long(t *testing.T) *Server {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	h, err := history.Open(history.Config{Span: time.Hour}, now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	hour := make([]float32, 3600)
	for i := range hour {
		hour[i] = float32(i) * 1.2345
	}
	h.Begin(now.Unix()).Close()
	for i := range maxNames {
		h.Fill(fmt.Sprintf("s%03d", i), now.Unix()-3599, hour)
	}
	return serve(t, Config{Board: board.New("h1", "test", h, func() any { return nil })})
}

// TestAnswersAreBounded asks for all there is at once: the steps are longer then, the
// whole time is there, and the memory that it takes is bounded.
func TestAnswersAreBounded(t *testing.T) {
	s := long(t)
	for _, tc := range []struct {
		query  string
		values int // of each second that has any
		most   uint64
	}{
		{"", 1, 120 << 20},
		{"&minmax=1&step=1", 1, 120 << 20}, // no least and greatest of a single second
		{"&minmax=1&points=4000", 3, 120 << 20},
		{"&name=s000&step=1", 1, 8 << 20},
		{"&format=csv", 1, 200 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := ask(s, "GET", "/api/v1/series?from=-3599&to=0"+tc.query, "")
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; w.Code != 200 || used > tc.most {
			t.Errorf("%s: %d, %d bytes made with %d MB", tc.query, w.Code, w.Body.Len(), used>>20)
		}
		if strings.Contains(tc.query, "csv") {
			continue
		}
		var out Series
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		_, newest := s.board.History.Bounds()
		end := out.From + int64(out.Points)*out.Step
		if out.From > newest-3590 || end < newest || len(out.Avg)*out.Points > maxValues+2*maxNames {
			t.Errorf("%s: %d points of %d s from %d s ago, %d series", tc.query, out.Points, out.Step, newest-out.From, len(out.Avg))
		}
		if strings.Contains(tc.query, "s000") && (out.Step != 1 || out.Points != 3600) {
			t.Errorf("%s: step %d, %d points", tc.query, out.Step, out.Points)
		}
	}
}

// TestManyAnswersTakeTurns: whoever comes while others are answered waits, and who goes
// away meanwhile is not answered.
func TestManyAnswersTakeTurns(t *testing.T) {
	b, _ := shown(t)
	s := serve(t, Config{Board: b})
	var releases []func()
	for range maxReading {
		release, ok := s.reading.take(httptest.NewRequest("GET", "/", nil))
		if !ok {
			t.Fatal("no turn")
		}
		releases = append(releases, release)
	}
	answered := make(chan int)
	for range 3 {
		go func() { answered <- ask(s, "GET", "/api/v1/series?name=cpu.busy", "").Body.Len() }()
	}
	for _, release := range releases {
		release()
	}
	for range 3 {
		if n := <-answered; n == 0 {
			t.Error("an empty answer")
		}
	}
	if len(s.reading) != 0 || len(s.sending) != 0 {
		t.Errorf("%d and %d turns are not over", len(s.reading), len(s.sending))
	}
}
