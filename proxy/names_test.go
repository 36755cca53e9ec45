package proxy

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/proxy/upstream"
)

// hostile are names that anybody who may write to the store can give a server.
var hostile = []string{"\xff", "a\x1b[2J", "a\nb", "a\x00", "\u202eb", "a\u009b2J"}

// Names that no terminal, log or metric could bear are refused, be they of the key or
// of the address that stands for it.
func TestHostileNamesAreRefused(t *testing.T) {
	for _, name := range hostile {
		var wrong *upstream.ParseError
		if b, err := ParseBackend(name, "127.0.0.1:80"); !errors.As(err, &wrong) {
			t.Errorf("%q: %+v, %v", name, b, err)
		}
	}
	for _, value := range []string{"a\xff:80", "a\x1b[2J:80", "a\u202eb:80"} {
		if b, err := ParseBackend("", value); err == nil {
			t.Errorf("%q: %+v", value, b)
		}
	}
	for _, name := range []string{"app-9", "shop/1", "größe 1", "127.0.0.1:80", "名前"} {
		if _, err := ParseBackend(name, "127.0.0.1:80"); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestMetricsOfHostileNames holds that a name from elsewhere, which is no UTF-8, does
// not end the process when it is measured.
func TestMetricsOfHostileNames(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	b := backend(t, "a", "127.0.0.1:80")
	b.Name = "\xff"
	run(t, Config{Source: Static([]Backend{b}), Metrics: reg})
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
}
