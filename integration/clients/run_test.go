package clients

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// heard keeps what it is told.
type heard []string

func (h *heard) Ack(n int64) error {
	*h = append(*h, fmt.Sprint("ack ", n))
	return nil
}

func (h *heard) Fail(kind string) { *h = append(*h, "err "+kind) }

func TestReadCounts(t *testing.T) {
	for _, tt := range []struct {
		name, out, version string
		want               []string
	}{
		{"all kinds", "library x 1.2\nack 1\nerr it is gone\nack 2\nwhat else\n", "x 1.2", []string{"ack 1", "err it is gone", "ack 2"}},
		{"killed within a number", "ack 122\nack 12", "", []string{"ack 122"}},
		{"killed before the number", "ack 122\nack", "", []string{"ack 122"}},
		{"killed before anything", "", "", nil},
	} {
		var l Library
		var got heard
		if err := l.readCounts(strings.NewReader(tt.out), &got); err != nil || !slices.Equal(got, tt.want) || l.Version() != tt.version {
			t.Errorf("%s: %v, %v, version %q", tt.name, got, err, l.Version())
		}
	}
	if err := new(Library).readCounts(strings.NewReader("ack one\n"), new(heard)); err == nil {
		t.Error("a word is taken for a number")
	}
}
