package engine

import (
	"strings"
	"testing"
)

// apply runs one command given as words and returns its reply.
func apply(e *Engine, at int64, proto uint8, db uint8, words ...string) string {
	var out Replies
	e.Apply(Stamp{UnixMilli: at, Seed: 1}, []Command{{DB: db, Proto: proto, Args: args(words...)}}, &out)
	return string(out.At(0))
}

func args(words ...string) [][]byte {
	list := make([][]byte, len(words))
	for i, w := range words {
		list[i] = []byte(w)
	}
	return list
}

// TestFirstSlice runs through the commands that everything else relies on.
func TestFirstSlice(t *testing.T) {
	e := New(Options{})
	for _, step := range []struct{ command, reply string }{
		{"SET a 1", "+OK\r\n"},
		{"INCR a", ":2\r\n"},
		{"GET a", "$1\r\n2\r\n"},
		{"ONCE t 1000 INCR a", ":3\r\n"},
		{"ONCE t 1000 INCR a", ":3\r\n"},
		{"ONCEINCR a 1000 x y x", "*3\r\n:4\r\n:5\r\n:4\r\n"},
		{"SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"},
	} {
		if got := apply(e, 1000, 2, 0, strings.Fields(step.command)...); got != step.reply {
			t.Errorf("%s: got %q, want %q", step.command, got, step.reply)
		}
	}
}
