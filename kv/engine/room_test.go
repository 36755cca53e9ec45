package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pingd/kv/engine/once"
)

const (
	tooLarge = "-ERR the reply is larger than 512 MB: ask for less at once\r\n"
	dropped  = "-ERR the command was run, and its reply dropped: what is written together may reply 512 MB\r\n"
	gone     = "-ERR ONCE ran this command before, and its reply was too long to keep: it is not run again\r\n"
)

// withLarge returns an engine with a string, a hash and many keys of large values.
func withLarge(t *testing.T) *Engine {
	t.Helper()
	e, large := New(Options{}), strings.Repeat("x", 50_000)
	for _, words := range [][]string{{"SET", "a", large}, {"HSET", "h", "f", large, "g", large}} {
		if got := apply(e, 1000, 2, 0, words...); got[0] == '-' {
			t.Fatal(got)
		}
	}
	for i := range 2000 {
		apply(e, 1000, 2, 0, "SET", fmt.Sprintf("key %050d", i), "1")
	}
	return e
}

// TestRepliesAreBounded asks for many times what there is: a packet must not fill the
// memory, and least of all that of every node.
func TestRepliesAreBounded(t *testing.T) {
	many := func(name string, key ...string) [][]byte {
		return args(append(append([]string{name}, key...), strings.Fields(strings.Repeat(" a f", 500))...)...)
	}
	large := []Command{
		{Args: many("MGET")},
		{Args: many("HMGET", "h")},
		{Args: args("KEYS", "*")},
		{Args: args("HGETALL", "h")},
		{Args: args("HVALS", "h")},
		{Txn: &Txn{Cmds: []Command{{Args: many("MGET")}, {Args: args("STRLEN", "a")}}}},
	}
	for i := range large {
		e := withLarge(t)
		out := Replies{Limit: 80_000}
		cmds := []Command{{Args: args("STRLEN", "a")}, large[i], {Args: args("STRLEN", "a")}}
		e.Read(1000, cmds, &out)
		if got, want := string(out.Buf), ":50000\r\n"+tooLarge+":50000\r\n"; got != want || !out.Cut || out.Len() != 3 {
			t.Errorf("read %d: %d replies, %.200q, cut %v", i, out.Len(), got, out.Cut)
		}
		out.Reset()
		e.Apply(Stamp{UnixMilli: 1000}, cmds, &out)
		if got, want := string(out.Buf), ":50000\r\n"+dropped+":50000\r\n"; got != want || !out.Cut {
			t.Errorf("apply %d: %.200q, cut %v", i, got, out.Cut)
		}
		out = Replies{}
		e.Read(1000, cmds, &out)
		if out.Cut || out.At(1)[0] == '-' || len(out.At(1)) < 80_000 {
			t.Errorf("without a limit of its own %d: %.200q", i, out.At(1))
		}
	}
}

// TestALargeReplyIsNoOtherCommandsLoss: those who are written together with somebody
// who asks for a lot get their replies, if they are not large themselves.
func TestALargeReplyIsNoOtherCommandsLoss(t *testing.T) {
	e := withLarge(t)
	out := Replies{Limit: 80_000}
	e.Apply(Stamp{UnixMilli: 1000}, []Command{
		{Args: args("GETEX", "a", "EX", "10")},
		{Args: args("HMGET", "h", "f", "g")},
		{Args: args("GETSET", "a", "1")},
		{Args: args("INCR", "a")},
	}, &out)
	want := []string{"$50000", dropped, "$50000", ":2\r\n"}
	for i, w := range want {
		if got := string(out.At(i)); !strings.HasPrefix(got, w) {
			t.Errorf("reply %d: %.100q, want %q", i, got, w)
		}
	}
}

// TestOnceRunsOnceWhateverItsReply: a token whose reply is not kept is still known, and
// so are all others.
func TestOnceRunsOnceWhateverItsReply(t *testing.T) {
	e := withLarge(t)
	apply(e, 1000, 2, 0, "SET", "huge", strings.Repeat("x", once.MaxReply))
	apply(e, 1000, 2, 0, "ONCEINCR", "n", "60000", "visit")
	first := apply(e, 1000, 2, 0, "ONCE", "whole", "5000", "GETSET", "huge", "other")
	if len(first) < once.MaxReply {
		t.Errorf("the first time: %.100q", first)
	}
	// One that is cut: what is there of its reply is no reply.
	out := Replies{Limit: 80_000}
	cut := Command{Args: args("ONCE", "cut", "5000", "HMGET", "h", "f", "g")}
	e.Apply(Stamp{UnixMilli: 1000}, []Command{cut}, &out)
	if string(out.Buf) != dropped {
		t.Errorf("cut: %.100q", out.Buf)
	}
	var snapshot bytes.Buffer
	frozen := e.Snapshot()
	defer frozen.Close()
	if _, err := frozen.WriteTo(&snapshot); err != nil {
		t.Fatal(err)
	}
	again := New(Options{})
	if err := again.Restore(&snapshot); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*Engine{"as it is": e, "restored": again} {
		for _, step := range []struct{ command, reply string }{
			{"ONCE whole 5000 GETSET huge third", gone},
			{"GET huge", "$5\r\nother\r\n"},
			{"ONCE cut 5000 HMGET h f g", gone},
			{"ONCEINCR n 60000 visit", "*1\r\n:1\r\n"},
		} {
			if got := apply(e, 1000, 2, 0, strings.Fields(step.command)...); got != step.reply {
				t.Errorf("%s: %s: got %.100q, want %q", name, step.command, got, step.reply)
			}
		}
	}
}

// TestNoEndOfACutReply asks for fields without end where the reply is too large already:
// the command must end at once, for every node runs it.
func TestNoEndOfACutReply(t *testing.T) {
	for _, endless := range []string{"HRANDFIELD h -9223372036854775807", "HRANDFIELD h -4000000000000000000 WITHVALUES"} {
		for proto := uint8(2); proto <= 3; proto++ {
			e := withLarge(t)
			txn := Command{Proto: proto, Txn: &Txn{Cmds: []Command{
				{Proto: proto, Args: args("MGET", "a", "a", "a")}, {Proto: proto, Args: args(strings.Fields(endless)...)},
			}}}
			once := Command{Proto: proto, Args: args(append([]string{"ONCE", "token", "5000"}, strings.Fields(endless)...)...)}
			out := Replies{Limit: 80_000}
			e.Read(1000, []Command{txn}, &out)
			if string(out.Buf) != tooLarge {
				t.Errorf("read %s: %.100q", endless, out.Buf)
			}
			out = Replies{Limit: 80_000}
			e.Apply(Stamp{UnixMilli: 1000}, []Command{txn, once, {Args: args("STRLEN", "a")}}, &out)
			if got, want := string(out.Buf), dropped+dropped+":50000\r\n"; got != want {
				t.Errorf("apply %s: %.200q", endless, got)
			}
		}
	}
}
