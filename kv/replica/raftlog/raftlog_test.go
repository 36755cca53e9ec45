package raftlog

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logger writes to the buffer, without times.
func logger(level slog.Level) (hclog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	h := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return New(slog.New(h)), &out
}

// TestWhatAUserSees holds that only an error that does not go with a node being away
// is shown, and as a warning.
func TestWhatAUserSees(t *testing.T) {
	for _, test := range []struct {
		tell func(hclog.Logger)
		want string // "": nothing
	}{
		{func(l hclog.Logger) { l.Error("failed to commit logs", "error", errors.New("disk full")) }, "level=WARN msg=\"failed to commit logs\" component=raft error=\"disk full\"\n"},
		{func(l hclog.Logger) { l.Error("failed to heartbeat to", "peer", "a") }, ""},
		{func(l hclog.Logger) { l.Error("failed to appendEntries to", "peer", "a") }, ""},
		{func(l hclog.Logger) { l.Error("failed to make requestVote RPC", "error", "x") }, ""},
		{func(l hclog.Logger) { l.Error("failed to decode incoming command") }, ""},
		{func(l hclog.Logger) { l.Error("failed to accept connection") }, ""},
		{func(l hclog.Logger) { l.Warn("heartbeat timeout reached, starting election") }, ""},
		{func(l hclog.Logger) { l.Info("entering leader state") }, ""},
		{func(l hclog.Logger) { l.Debug("votes", "needed", 2) }, ""},
		{func(l hclog.Logger) { l.Trace("x") }, ""},
	} {
		l, out := logger(slog.LevelInfo)
		test.tell(l)
		if out.String() != test.want {
			t.Errorf("shown %q, want %q", out, test.want)
		}
	}
}

// TestWhatDebugSees holds that everything comes with the level debug, at that level but
// for the errors that matter.
func TestWhatDebugSees(t *testing.T) {
	l, out := logger(slog.LevelDebug)
	l.Debug("votes", "needed", 2, "text", hclog.Fmt("%d of %d", 1, 3))
	l.Error("failed to heartbeat to", "peer", "a")
	l.Error("failed to snapshot")
	l.Named("wal").With("segment", 7).Info("segment sealed")
	want := []string{
		`level=DEBUG msg=votes component=raft needed=2 text="1 of 3"`,
		`level=DEBUG msg="failed to heartbeat to" component=raft peer=a`,
		`level=WARN msg="failed to snapshot" component=raft`,
		`level=DEBUG msg="segment sealed" component=raft`,
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), out)
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], w) {
			t.Errorf("line %q, want %q", lines[i], w)
		}
	}
	if !strings.Contains(lines[3], "segment=7") {
		t.Errorf("what With gave is lost: %q", lines[3])
	}
}

// TestOddArguments holds that a message is written whatever stands behind it.
func TestOddArguments(t *testing.T) {
	l, out := logger(slog.LevelDebug)
	for _, args := range [][]any{nil, {"alone"}, {1, 2}, {"k", nil}, {"k", hclog.Format{"%d", "x"}}} {
		out.Reset()
		l.Info("message", args...)
		if !strings.Contains(out.String(), "msg=message") {
			t.Errorf("%v: %q", args, out)
		}
	}
}
