package counter

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestConfigIsChecked(t *testing.T) {
	valid := func() Config { return Config{Addr: "127.0.0.1:0", Store: nothing{}} }
	for _, tc := range []struct {
		name   string
		mutate func(*Config)
		want   string // part of the error; empty = none
	}{
		{"defaults", func(*Config) {}, ""},
		{"no store", func(c *Config) { c.Store = nil }, "no store"},
		{"key with a space", func(c *Config) { c.Key = "a b" }, `"a b"`},
		{"negative timeout", func(c *Config) { c.VisitTimeout = -1 }, "visit timeout is negative"},
		{"negative grace", func(c *Config) { c.Grace = -1 }, "grace is negative"},
		{"negative waiting", func(c *Config) { c.MaxWaiting = -1 }, "waiting"},
		{"negative batch", func(c *Config) { c.MaxBatch = -1 }, "batch"},
		{"grace too long", func(c *Config) { c.Grace, c.DrainTimeout = 6*time.Second, 10*time.Second }, "grace 6s"},
		{"bad address", func(c *Config) { c.Addr = "256.0.0.1:x" }, "hint: --counter-addr"},
		{"all at once", func(c *Config) { c.Store = nil; c.Key = " " }, "spaces"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := valid()
			tc.mutate(&cfg)
			c, err := New(cfg)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = New(Config{Addr: l.Addr().String(), Store: nothing{}})
	if err == nil || !strings.Contains(err.Error(), "hint: ") {
		t.Errorf("error %v", err)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := start(t, Config{Metrics: reg})
	c.do("GET", "/")
	c.do("GET", "/", "Idempotency-Key", "a")
	want := `
# HELP pingd_counter_visits_total Visits answered with a number.
# TYPE pingd_counter_visits_total counter
pingd_counter_visits_total 2
# HELP pingd_counter_waiting Visits that wait for the next call of the store.
# TYPE pingd_counter_waiting gauge
pingd_counter_waiting 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want),
		"pingd_counter_visits_total", "pingd_counter_waiting"); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{Addr: "127.0.0.1:0", Store: nothing{}, Metrics: reg}); err == nil {
		t.Error("metrics registered twice without an error")
	}
}
