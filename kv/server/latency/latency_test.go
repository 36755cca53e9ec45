package latency

import (
	"testing"
	"time"

	"pingd/kv/resp/reply"
)

// out returns what a handler replies.
func out(f func(*reply.Writer)) string {
	w := &reply.Writer{Proto: 2}
	f(w)
	return string(w.Out)
}

func call(words ...string) (args [][]byte) {
	for _, w := range words {
		args = append(args, []byte(w))
	}
	return args
}

func TestMonitor(t *testing.T) {
	var m Monitor
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	m.Note("command", at(1), time.Hour) // off
	if got := out(m.AnswerLatest); got != "*0\r\n" {
		t.Errorf("off: %q", got)
	}
	m.SetThreshold(10)
	m.Note("command", at(1), 9*time.Millisecond)
	m.Note("command", at(2), 30*time.Millisecond)
	m.Note("command", at(2), 20*time.Millisecond) // the same second: the worst counts
	m.Note("command", at(3), 11*time.Millisecond)
	m.Note("fast-command", at(4), 10*time.Millisecond)
	if got, want := out(m.AnswerLatest), "*2\r\n*4\r\n$7\r\ncommand\r\n:3\r\n:11\r\n:30\r\n*4\r\n$12\r\nfast-command\r\n:4\r\n:10\r\n:10\r\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	history := func(event string) string {
		return out(func(w *reply.Writer) { m.AnswerHistory(w, call("LATENCY", "HISTORY", event)) })
	}
	if got := history("command"); got != "*2\r\n*2\r\n:2\r\n:30\r\n*2\r\n:3\r\n:11\r\n" {
		t.Errorf("history %q", got)
	}
	if got := history("none"); got != "*0\r\n" {
		t.Errorf("history of nothing %q", got)
	}
	for i := range int64(1000) {
		m.Note("command", at(100+i), time.Second)
	}
	if n := len(m.events["command"].samples); n != maxSamples {
		t.Errorf("%d samples are kept", n)
	}
	reset := func(words ...string) string {
		return out(func(w *reply.Writer) { m.AnswerReset(w, call(append([]string{"LATENCY", "RESET"}, words...)...)) })
	}
	if got := reset("none", "command"); got != ":1\r\n" || history("command") != "*0\r\n" {
		t.Errorf("reset of one: %q", got)
	}
	if got := reset(); got != ":1\r\n" {
		t.Errorf("reset of all: %q", got)
	}
}

func TestHistogram(t *testing.T) {
	var h, unused Histogram
	for _, us := range []time.Duration{0, 1, 2, 3, 4, 5, 1000, 1024, 1025} {
		h.Note(us * time.Microsecond)
	}
	h.Note(100 * time.Hour)
	got := out(func(w *reply.Writer) { AnswerHistogram(w, []Named{{"get", &h}, {"set", &unused}}) })
	want := "*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:10\r\n$14\r\nhistogram_usec\r\n*14\r\n" +
		":1\r\n:2\r\n:2\r\n:3\r\n:4\r\n:5\r\n:8\r\n:6\r\n:1024\r\n:8\r\n:2048\r\n:9\r\n:2147483648\r\n:10\r\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if h.Reset(); h.calls() != 0 {
		t.Error("not reset")
	}
}
