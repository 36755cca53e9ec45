package monitor

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHasData(t *testing.T) {
	for body, want := range map[string]bool{
		`node_cpu_seconds_total{cpu="0",mode="idle"} 1`:                   true,
		`{"avg":{"cpu.busy":[null,3.5]}}`:                                 true,
		`{"avg":{"cpu.busy":[null]}}`:                                     false,
		`{"avg":{}}`:                                                      false,
		`{"labels":["time","user"],"data":[[1700000000,2.5]]}`:            true,
		`{"labels":["time","user"],"data":[[1700000000,null]]}`:           false,
		`{"labels":["time"],"data":[]}`:                                   false,
		`No metrics where matched to query.`:                              false,
		`# HELP node_cpu_seconds_total Seconds the CPUs spent.`:           false,
		`{"avg":{"mem.used":[1]}}`:                                        false,
		`{"labels":["time","user","system"],"data":[[1,null,0.1],[0,0]]}`: true,
	} {
		if got := hasData([]byte(body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}

// TestWeigh holds that a page weighs what goes over the wire, and that nobody else's
// parts are counted.
func TestWeigh(t *testing.T) {
	sent := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{
			"/":           `<link href="app.css?v=1"><script src="/app.js"></script><script src="/app.js"></script><script src="http://127.0.0.9/other.js"></script><script src="gone.js">`,
			"/app.js":     strings.Repeat("x", 10000),
			"/app.css":    "p{}",
			"/favicon.ic": "",
		}[r.URL.Path]
		if body == "" {
			http.NotFound(w, r)
			return
		}
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, _ = z.Write([]byte(body))
		_ = z.Close()
		w.Header().Set("Content-Encoding", "gzip")
		n, _ := w.Write(zipped.Bytes())
		sent += n
	}))
	defer srv.Close()
	defer http.DefaultClient.CloseIdleConnections()
	size, requests, err := weigh(t.Context(), srv.URL+"/")
	if err != nil || requests != 3 || size >= sent || size > 1000 { // the page itself was read once more, to find the parts
		t.Errorf("%d bytes in %d requests, %v; %d sent", size, requests, err, sent)
	}
	if _, _, err := weigh(t.Context(), srv.URL+"/none"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("no page: %v", err)
	}
}

func TestMonitorTable(t *testing.T) {
	var out bytes.Buffer
	err := tableOf([]*watcher{
		{Name: "pingd", StartMS: 20, DataMS: 300, IdleCPU: 0.5, AskedCPU: 0.6, RSS: 30, Page: 20 << 10, Requests: 3, Metrics: 50 << 10, MetricsMS: 2, WorstMS: 4},
		{Name: "netdata", StartMS: 200, DataMS: 3000, IdleCPU: 1.5, AskedCPU: 1.8, RSS: 90, Page: 2 << 20, Requests: 9, Metrics: 200 << 10, MetricsMS: 6, WorstMS: 18},
		{Name: "node_exporter"},
	}).Write(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"netdata / pingd", "10.00", "3.00", "2048", "102.40"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
