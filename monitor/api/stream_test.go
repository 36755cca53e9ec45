package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pingd/monitor/cluster"
)

// events reads Server-Sent Events.
type events struct{ in *bufio.Reader }

func newEvents(r io.Reader) *events { return &events{bufio.NewReader(r)} }

func (e *events) next(t *testing.T) (name, id, data string) {
	t.Helper()
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			t.Fatalf("stream ended: %v", err)
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if data != "" {
				return name, id, data
			}
		}
	}
}

func TestStream(t *testing.T) {
	b, c := shown(t)
	s := serve(t, Config{Board: b, Rules: []string{"a: load.1 warn > 9"}})
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	res, err := http.Get(srv.URL + "/api/v1/stream?range=60&fill=raft.*")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("type %q", res.Header.Get("Content-Type"))
	}
	in := newEvents(res.Body)
	name, id, data := in.next(t)
	var h hello
	if err := json.Unmarshal([]byte(data), &h); err != nil || name != "hello" || id == "" {
		t.Fatalf("greeting %q %q: %v", name, id, err)
	}
	if h.State.Cluster.Leader != "h1" || h.State.Verdict.Word != cluster.OK || len(h.Fill.Avg["raft.commits"]) != 60 || h.Fill.Avg["cpu.user"] != nil ||
		len(h.Names) != b.History.Len() || len(h.Rules) != 1 || len(h.State.Events) == 0 {
		t.Errorf("greeting %.400s", data)
	}
	if strings.Contains(data, `"bounds"`) {
		t.Error("a page gets buckets it has no use for")
	}

	now := time.Now()
	s.Publish(now, true)
	if name, _, data = in.next(t); name != "names" {
		t.Errorf("a first tick names its series, got %q %.100s", name, data)
	}
	name, id, data = in.next(t)
	var tick struct {
		T       int64
		V       []*float64
		State   *present
		Details *json.RawMessage
	}
	if err := json.Unmarshal([]byte(data), &tick); err != nil || len(tick.V) != b.History.Len() || tick.T != now.Unix() || id != fmt.Sprint(now.Unix()) ||
		name != "" || tick.State == nil || tick.Details == nil {
		t.Errorf("tick %q %q of %d values, %d series: %v", name, id, len(tick.V), b.History.Len(), err)
	}

	// What happened is not held back until the next second.
	c.Lead("h3")
	s.Happened(b.SetCluster(c.At(now.Add(time.Second)), now))
	name, _, data = in.next(t)
	if name != "news" || !strings.Contains(data, "leader h1 → h3, term 9") || !strings.Contains(data, `"leader":"h3"`) {
		t.Errorf("news %q %.300s", name, data)
	}
	s.Happened(nil)
	s.Publish(now.Add(time.Second), false)
	if name, _, data = in.next(t); name != "" || strings.Contains(data, `"details"`) {
		t.Errorf("second tick %q %.100s", name, data)
	}
	s.Close()
	if _, err := io.ReadAll(in.in); err != nil {
		t.Errorf("end of the stream: %v", err)
	}
	if w := ask(s, http.MethodGet, "/api/v1/stream", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a closed server takes viewers: %d", w.Code)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestNobodyLooks(t *testing.T) {
	b, _ := shown(t)
	s := serve(t, Config{Board: b})
	if n := testing.AllocsPerRun(20, func() { s.Publish(time.Now(), true) }); n != 0 {
		t.Errorf("a tick nobody looks at allocates %v times", n)
	}
}

func TestSlowViewerIsCut(t *testing.T) {
	var h hub
	slow, quick := h.join(), h.join()
	for range viewerQueue + 1 {
		h.send([]byte("x"))
		<-quick.queue
	}
	if h.count() != 1 {
		t.Errorf("%d viewers, want the quick one", h.count())
	}
	n := 0
	for range slow.queue {
		n++
	}
	if n != viewerQueue {
		t.Errorf("the slow one got %d, want %d and an end", n, viewerQueue)
	}
	h.leave(slow)
	h.close()
	if h.join() != nil {
		t.Error("joined a closed hub")
	}
}

func TestViewersAreBounded(t *testing.T) {
	var h hub
	for range maxViewers {
		h.join()
	}
	if h.join() != nil {
		t.Error("one viewer too many")
	}
	h.close()
}

func BenchmarkPublish(b *testing.B) {
	board, _ := shown(b)
	s := serve(b, Config{Board: board})
	v := s.hub.join()
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		s.Publish(now, false)
		for len(v.queue) > 0 {
			b.SetBytes(int64(len(<-v.queue)))
		}
	}
}

// TestLargeClusterIsSentLessOften holds that thousands of nodes do not choke a page:
// their state comes now and then, what matters each second.
func TestLargeClusterIsSentLessOften(t *testing.T) {
	b, c := shown(t)
	c.Change(func(st *cluster.State) {
		for i := range 4000 {
			n := st.Nodes[0]
			n.Name = fmt.Sprint("more", i)
			st.Nodes = append(st.Nodes, n)
		}
	})
	b.SetCluster(c.At(time.Now()), time.Now())
	s := serve(t, Config{Board: b})
	v := s.hub.join()
	defer s.hub.leave(v)
	sizes := ""
	for range 14 {
		s.Publish(time.Now(), false)
		msg := string(<-v.queue)
		if !strings.Contains(msg, `"verdict":{"word":"OK"`) {
			t.Fatalf("a tick without a verdict: %.300s", msg)
		}
		if strings.Contains(msg, `"more3999"`) {
			sizes += "C"
		} else {
			sizes += "."
		}
	}
	if n := strings.Count(sizes, "C"); sizes[0] != 'C' || n < 2 || n > 7 {
		t.Errorf("the state came %s", sizes)
	}
}
