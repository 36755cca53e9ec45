package replica

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// raftLogger lets Raft and its log store write to l. They tell of every failed
// heartbeat; what a user has to know, package replica says itself.
func raftLogger(l *slog.Logger) hclog.Logger {
	level := hclog.Debug
	if !l.Enabled(context.TODO(), slog.LevelDebug) {
		level = hclog.Error
	}
	h := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: level})
	h.RegisterSink(raftSink{l.With("component", "raft")})
	return h
}

// raftSink implements hclog.SinkAdapter.
type raftSink struct{ log *slog.Logger }

// Accept writes one message.
func (s raftSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	if level >= hclog.Error && !expected(msg) {
		to = slog.LevelWarn
	}
	ctx := context.TODO() // hclog has no context
	if !s.log.Enabled(ctx, to) {
		return
	}
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	s.log.Log(ctx, to, msg, args...)
}

// expected knows the errors that go with a node being away.
func expected(msg string) bool {
	for _, m := range []string{"heartbeat", "appendEntries", "Vote RPC", "pipeline", "connection", "incoming command", "flush response"} {
		if strings.Contains(msg, m) {
			return true
		}
	}
	return false
}
