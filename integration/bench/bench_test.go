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

	"go.uber.org/goleak"

	"pingd/integration/bench/load"
	"pingd/integration/bench/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
		{"clients --only=etcd", 2, []string{"--only=etcd", "redis-sentinel"}},
		{"clients --libraries=jedis --faults=flood", 2, []string{"--libraries=jedis", "node-redis", "--faults=flood", "failover"}},
		{"clients --rounds=0", 2, []string{"--rounds=0"}},
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
	var report load.Report
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
	var report proxy.ConformanceReport
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
