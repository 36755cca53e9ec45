package main

import (
	"io"
	"log/slog"

	"pingd/cmd/pingd/config"
)

// newLogger returns the process's logger on w. Validate has checked level and
// format.
func newLogger(w io.Writer, o config.Options) *slog.Logger {
	var level slog.Level // info, if the text were wrong
	_ = level.UnmarshalText([]byte(o.LogLevel))
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if o.LogFormat == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(h)
}
