package engine

import (
	"testing"
	"time"
)

// Two nodes whose clocks differ: what one has seen to end must not come back on the
// other, so a key ends where the log says so, and not where a clock does.
func TestSettledReadsLetAKeyEndWithTheLog(t *testing.T) {
	e := New(Options{})
	read := func(f func(int64, []Command, *Replies), now int64, words ...string) string {
		var out Replies
		f(now, []Command{one(words...)}, &out)
		return string(out.Buf)
	}
	var out Replies
	e.Apply(Stamp{UnixMilli: 1000}, []Command{one("SET", "k", "v", "PX", "100"), one("SET", "long", "v", "PX", "900")}, &out)
	steps := []struct {
		now           int64
		read, settled string
		overdue       time.Duration
	}{
		{1050, "$1\r\nv\r\n", "$1\r\nv\r\n", 0},
		{1099, "$1\r\nv\r\n", "$1\r\nv\r\n", 0},
		{1100, "$-1\r\n", "$1\r\nv\r\n", 0},
		{1150, "$-1\r\n", "$1\r\nv\r\n", 50 * time.Millisecond},
	}
	for _, s := range steps {
		if got := read(e.Read, s.now, "GET", "k"); got != s.read {
			t.Errorf("at %d Read answers %q, want %q", s.now, got, s.read)
		}
		if got := read(e.ReadSettled, s.now, "GET", "k"); got != s.settled {
			t.Errorf("at %d ReadSettled answers %q, want %q", s.now, got, s.settled)
		}
		if got := e.Overdue(s.now); got != s.overdue {
			t.Errorf("at %d overdue for %s, want %s", s.now, got, s.overdue)
		}
	}
	e.Apply(Stamp{UnixMilli: 1101}, nil, &out)
	for _, now := range []int64{0, 1050, 1200} {
		if got := read(e.ReadSettled, now, "GET", "k"); got != "$-1\r\n" {
			t.Errorf("after the log, at %d: %q", now, got)
		}
	}
	if got := read(e.ReadSettled, 1200, "PTTL", "long"); got != ":700\r\n" {
		t.Errorf("time left: %q", got)
	}
}

func one(words ...string) Command { return Command{Proto: 2, Args: args(words...)} }
