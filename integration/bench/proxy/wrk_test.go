package proxy

import (
	"strings"
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
