package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const wrkText = `Running 2s test @ http://127.0.0.1:27004/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.94ms  402.11us  14.02ms   92.18%
    Req/Sec    58.71k     2.02k   60.71k    85.00%
  Latency Distribution
     50%  845.00us
     75%    1.07ms
     90%    1.31ms
     99%    2.32ms
  116901 requests in 2.00s, 16.50MB read
Requests/sec:  58401.22
Transfer/sec:      8.24MB
`

func TestParseWrk(t *testing.T) {
	want := wrkResult{requests: 116901, rate: 58401.22, p50: 845 * time.Microsecond, p99: 2320 * time.Microsecond}
	got, err := parseWrk([]byte(wrkText))
	if err != nil || got != want {
		t.Errorf("result %+v, %v; want %+v", got, err, want)
	}
	failing := strings.Replace(wrkText, "Requests/sec:",
		"  Socket errors: connect 1, read 20, write 300, timeout 0\n  Non-2xx or 3xx responses: 4000\nRequests/sec:", 1)
	if got, err := parseWrk([]byte(failing)); err != nil || got.failed != 4321 {
		t.Errorf("failed %d, %v; want 4321", got.failed, err)
	}
	for _, text := range []string{"", "unable to connect", strings.Replace(wrkText, "99%", "98%", 1), strings.Replace(wrkText, "845.00us", "x", 1)} {
		if _, err := parseWrk([]byte(text)); err == nil {
			t.Errorf("%.30q is taken for a report", text)
		}
	}
}

func FuzzParseWrk(f *testing.F) {
	f.Add([]byte(wrkText))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parseWrk(text) })
}

func TestShape(t *testing.T) {
	for text, want := range map[string]shape{"1": {1, 1}, "200": {200, 1}, "50x16": {50, 16}} {
		var s shape
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%q is %+v (%s), %v", text, s, s, err)
		}
	}
	for _, text := range []string{"", "x", "0", "5x", "5x0", "-1", "99999", "9999x9", "1.5"} {
		if err := new(shape).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for a shape", text)
		}
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(int64(-1234567)): "-1,234,567",
		rate(12345.6): "12,346", millis(0.123): "0.12", millis(12.34): "12.3", millis(1234.5): "1234",
	} {
		if got != want {
			t.Errorf("printed %s, want %s", got, want)
		}
	}
}

func TestMachine(t *testing.T) {
	m, err := inspect(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if m.Cores < 1 || m.SyncMS <= 0 || m.Jitter < 1 || !strings.Contains(m.String(), " cores, Linux ") {
		t.Errorf("machine %+v: %s", m, m)
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		want []string // in what is printed
	}{
		{"--help", 0, []string{"load", "store", "failover", "proxy"}},
		{"load --help", 0, []string{"--fault", "--clients=50"}},
		{"", 2, []string{"hint:"}},
		{"load", 2, []string{"either a URL", "hint:"}},
		{"load --cluster http://127.0.0.1/", 2, []string{"either a URL"}},
		{"load http://127.0.0.1/ --fault=kill-leader", 2, []string{"cluster of its own"}},
		{"load --cluster --fault=flood", 2, []string{"unknown fault \"flood\"", "pause-leader"}},
		{"load --cluster --clients=0", 2, []string{"--clients=0"}},
		{"load --cluster --proxies=0", 2, []string{"at least one"}},
		{"store --only=oracle", 2, []string{"--only=oracle", "redis-wait"}},
		{"store --shapes=many", 2, []string{"shape \"many\""}},
		{"store --rounds=0", 2, []string{"--rounds=0"}},
		{"failover --faults=flood", 2, []string{"--faults=flood", "terminate"}},
		{"failover --only=x --try=0s", 2, []string{"--only=x", "--try=0s"}},
		{"proxy --only=squid", 2, []string{"--only=squid", "haproxy"}},
		{"proxy --round=1500ms", 2, []string{"whole seconds"}},
		{"proxy --bytes=0", 2, []string{"above 0"}},
		{"proxy --shapes=get", 2, []string{"shape \"get\"", "get:64"}},
		{"proxy --shapes=idle:99999", 2, []string{"shape \"idle:99999\""}},
		{"conformance --only=squid", 2, []string{"--only=squid", "haproxy"}},
		{"load --pingd=/nonexistent --cluster", 1, []string{"--pingd=/nonexistent", "hint: go build"}},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), strings.Fields(tt.args), &out, &out); code != tt.code {
			t.Errorf("%q: exit status %d, want %d\n%s", tt.args, code, tt.code, out.String())
		}
		for _, want := range tt.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q: no %q in\n%s", tt.args, want, out.String())
			}
		}
	}
}

// visited is a counter that hands every hundredth number out again if it loses.
func visited(t *testing.T, loses bool) string {
	t.Helper()
	var n, visits atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if visits.Add(1)%100 == 0 && loses {
			fmt.Fprint(w, n.Load())
			return
		}
		fmt.Fprint(w, n.Add(1))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestLoad(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"--json", "load", "--for=200ms", "--clients=3", visited(t, false)}, &out, &errs)
	var report loadReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
	}
	if code != 0 || report.Acked == 0 || report.Lost != 0 || report.Unclaimed != 0 || report.Errors != 0 || report.LongestGap <= 0 {
		t.Errorf("exit status %d, report %+v", code, report)
	}
	if report.Ops <= 0 || uint64(report.Acked) != report.Samples || !report.Verified || report.Machine.Cores == 0 {
		t.Errorf("report %+v", report)
	}
}

func TestLoadTellsALoss(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"load", "--for=200ms", "--clients=3", visited(t, true)}, &out, &errs)
	if code != 1 || !strings.Contains(errs.String(), "acknowledged writes were lost") {
		t.Errorf("exit status %d, errors %q, want 1 and the loss\n%s", code, errs.String(), out.String())
	}
	if strings.Contains(out.String(), "lost        0\n") {
		t.Errorf("report says that nothing was lost:\n%s", out.String())
	}
}

func TestLoadWithoutVerify(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"load", "--for=100ms", "--clients=2", "--no-verify", visited(t, false)}, &out, &errs)
	if code != 0 || !strings.Contains(out.String(), "not compared") || strings.Contains(out.String(), "unclaimed") {
		t.Errorf("exit status %d\n%s%s", code, out.String(), errs.String())
	}
}

// The proxy meets every demand that its benchmark asks of the peers.
func TestConformance(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--json", "conformance", "--only=pingd"}, &out, &errs); code != 0 {
		t.Fatalf("exit status %d\n%s", code, errs.String())
	}
	var report conformanceReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Demands) < 50 || len(report.Proxies) != 1 {
		t.Fatalf("report %+v", report)
	}
	for _, d := range report.Demands {
		if !d.Met["pingd"] {
			t.Errorf("%s (%s) is not met", d.Name, d.Source)
		}
	}
}
