package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"pingd/integration/bench/machine"
	"pingd/integration/procs"
)

// Flags are the flags of every subcommand.
type Flags struct {
	JSON  bool   `name:"json" help:"Print one JSON object instead of tables."`
	Pingd string `name:"pingd" placeholder:"PATH" help:"The pingd binary to measure (default: build it)."`
	Dir   string `name:"dir" placeholder:"DIR" help:"Keep data and logs below this directory; its disk is what is measured (default: a temporary directory, removed at the end)."`
}

// Session is what a subcommand works with.
type Session struct {
	Flags
	Stdout io.Writer    // for the report, and nothing else
	Log    *slog.Logger // for what goes on meanwhile

	built string // the binary, once it is
}

// ErrLost is why the exit status is 1 although the benchmark itself worked.
var ErrLost = errors.New("acknowledged writes were lost")

// WithLab runs f with a Lab that ends with it. Logs of the processes are shown
// when f fails.
func (s *Session) WithLab(f func(lab *procs.Lab) error) (err error) {
	dir := s.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pingd-bench-"); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	lab, err := procs.NewLab(dir, s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	return f(lab)
}

// Inspect measures the machine, with a directory of the lab that f can use too.
func (s *Session) Inspect(lab *procs.Lab) (dir string, m machine.Machine, err error) {
	if dir, err = lab.Dir("machine"); err != nil {
		return "", m, err
	}
	m, err = machine.Inspect(dir)
	return dir, m, err
}

// Binary returns the pingd to measure, built once from this tree unless the flag
// names one. Whoever bounds a start calls it before: building takes a minute where
// others work too.
func (s *Session) Binary(ctx context.Context, lab *procs.Lab) (string, error) {
	if s.Pingd != "" {
		if _, err := os.Stat(s.Pingd); err != nil {
			return "", fmt.Errorf("--pingd=%s: %w\nhint: go build -o %s ./cmd/pingd", s.Pingd, err, s.Pingd)
		}
		return s.Pingd, nil
	}
	if s.built != "" {
		return s.built, nil
	}
	dir, err := lab.Dir("bin")
	if err != nil {
		return "", err
	}
	s.Log.Info("building", "package", "cmd/pingd")
	s.built, err = procs.Build(ctx, dir, "cmd/pingd")
	return s.built, err
}
