package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"pingd/integration/procs"
)

// environment is what a subcommand works with.
type environment struct {
	globals
	stdout io.Writer
	log    *slog.Logger
}

// withLab runs f with a Lab that ends with it. Logs of the processes are shown
// when f fails.
func (e *environment) withLab(f func(lab *procs.Lab) error) (err error) {
	dir := e.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pingd-bench-"); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	lab, err := procs.NewLab(dir, e.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	return f(lab)
}

// binary returns the pingd to measure.
func (e *environment) binary(ctx context.Context, lab *procs.Lab) (string, error) {
	if e.Pingd != "" {
		if _, err := os.Stat(e.Pingd); err != nil {
			return "", fmt.Errorf("--pingd=%s: %w\nhint: go build -o %s ./cmd/pingd", e.Pingd, err, e.Pingd)
		}
		return e.Pingd, nil
	}
	dir, err := lab.Dir("bin")
	if err != nil {
		return "", err
	}
	e.log.Info("building", "package", "cmd/pingd")
	return procs.Build(ctx, dir, "cmd/pingd")
}
