package compress

import (
	"strings"
	"testing"
)

func TestAcceptEncoding(t *testing.T) {
	for _, c := range []struct {
		lines string // separated by |
		want  bool
	}{
		{"gzip", true},
		{"GZIP", true},
		{"x-gzip", true},
		{"br, gzip, deflate", true},
		{"gzip;q=1", true},
		{"gzip;q=0.001", true},
		{"gzip ; q=0.5", true},
		{"gzip;\tQ=1.000", true},
		{",, gzip ,", true},
		{"*", true},
		{"gzip;q=1,0", true}, // and a coding named 0
		{"*;q=0.5", true},
		{"br|gzip", true},
		{"identity;q=0, gzip", true},
		{"identity;q=0.5, gzip;q=1.0", true},
		{"gzip;q=0.5, identity;q=0.5", true},
		{"*, identity;q=0", true},
		{"br;q=1, gzip;q=0.1", true},

		{"", false},
		{"br", false},
		{"identity", false},
		{"gzipx", false},
		{"gzip;q=0", false},
		{"gzip;q=0.000", false},
		{"*;q=0", false},
		{"*, gzip;q=0", false},
		{"gzip;q=0, *", false},
		{"gzip, gzip;q=0", false},
		{"gzip|gzip;q=0", false},
		{"identity;q=0", false},
		{"identity, gzip;q=0.5", false},
		{"*, gzip;q=0.2", false},
		// Not of the grammar: nothing is compressed.
		{"gzip;q=1.001", false},
		{"gzip;q=2", false},
		{"gzip;q=0.0001", false},
		{"gzip;q=.5", false},
		{"gzip;q=-1", false},
		{"gzip;q=0x1", false},
		{"gzip;q=", false},
		{"gzip;q", false},
		{"gzip;", false},
		{"gzip;q =1", false},
		{"gzip;q=1;q=1", false},
		{"gzip;level=9", false},
		{"gzip deflate", false},
		{"gzip, br;q=x", false},
		{"\"gzip\"", false},
		{";q=1, gzip", false},
	} {
		var p preference
		for line := range strings.SplitSeq(c.lines, "|") {
			p.add([]byte(line))
		}
		if got := p.wantsGzip(); got != c.want {
			t.Errorf("%q: %v", c.lines, got)
		}
	}
}

func TestWeights(t *testing.T) {
	for text, want := range map[string]weight{
		"q=0": 1, "q=1": 1001, "q=0.": 1, "q=1.": 1001, "q=0.5": 501, "q=0.25": 251, "q=0.999": 1000, "Q=0.001": 2, "q=1.000": 1001,
	} {
		if got, ok := parseWeight([]byte(text)); got != want || !ok {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
}
