package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
)

// errImpatient is the outcome of a second signal.
var errImpatient = errors.New("left at once on a second signal; what was under way is lost")

// untilSignal runs serve until it returns by itself or a signal comes, which ends
// its context. After a second signal it waits no longer: serve is left behind, to
// end with the process.
func untilSignal(ctx context.Context, signals <-chan os.Signal, log *slog.Logger, serve func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	for told := false; ; told = true {
		select {
		case err := <-done:
			return err
		case s := <-signals:
			if told {
				return errImpatient
			}
			log.Info("stopping; a second signal leaves at once", "signal", s.String())
			stop()
		}
	}
}
