// Package raftlog lets hashicorp/raft and its log store write to slog.
package raftlog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// New returns a logger for Raft that writes to l. Raft tells of every failed
// heartbeat; what a user has to know, the node says itself: so only errors that do
// not go with a node being away are shown, as warnings.
func New(l *slog.Logger) hclog.Logger {
	level := hclog.Debug
	if !l.Enabled(context.TODO(), slog.LevelDebug) {
		level = hclog.Error
	}
	h := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: level})
	h.RegisterSink(sink{l.With("component", "raft")})
	return h
}

// sink implements hclog.SinkAdapter.
type sink struct{ log *slog.Logger }

// Accept writes one message.
func (s sink) Accept(_ string, level hclog.Level, msg string, args ...any) {
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
