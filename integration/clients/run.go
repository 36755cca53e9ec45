package clients

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// killWait is how long a program may take to end once it is killed.
const killWait = 5 * time.Second

func join(list []string) string { return strings.Join(list, ",") }

// Result is what became of one feature.
type Result struct {
	Feature string
	Problem string // empty = it works
}

// Features runs the library's features and returns what became of each, and the
// version of the library.
func (l *Library) Features(ctx context.Context, to Target, key string) (results []Result, version string, err error) {
	cmd := l.command(ctx, "features", to, key)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, "", fmt.Errorf("run %s: %w\n%s%s", l.Name, err, out, stderr.Bytes())
	}
	results, version = parseFeatures(string(out))
	if version == "" {
		return results, "", fmt.Errorf("run %s: it ended early\n%s%s", l.Name, out, stderr.Bytes())
	}
	return results, version, nil
}

func parseFeatures(out string) (results []Result, version string) {
	for line := range strings.Lines(out) {
		what, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, problem, _ := strings.Cut(rest, " ")
		switch what {
		case "ok":
			results = append(results, Result{Feature: name})
		case "fail":
			if problem == "" {
				problem = "failed without a word"
			}
			results = append(results, Result{name, problem})
		case "library":
			version = rest
		}
	}
	return results, version
}

// Counter hears of every increment. Its methods are called by one goroutine.
type Counter interface {
	Ack(number int64) error
	Fail(kind string)
}

// Count increments key every 20 ms until ctx ends, or to fails an acknowledgement.
func (l *Library) Count(ctx context.Context, to Target, key string, counter Counter) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := l.command(ctx, "count", to, key)
	var stderr tail
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("run %s: %w", l.Name, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", l.Name, err)
	}
	readErr := l.readCounts(out, counter)
	ended := ctx.Err() != nil
	stop()
	err = cmd.Wait()
	switch {
	case readErr != nil:
		return fmt.Errorf("run %s: %w", l.Name, readErr)
	case ended:
		return nil
	case err == nil:
		err = errors.New("it ended by itself")
	}
	return fmt.Errorf("run %s: %w\n%s", l.Name, err, stderr.String())
}

// readCounts tells counter of each line. What a program was killed in the middle of
// is no line.
func (l *Library) readCounts(r io.Reader, counter Counter) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil // how reading ended is Wait's to tell
		}
		what, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch what {
		case "ack":
			n, err := strconv.ParseInt(rest, 10, 64)
			if err != nil {
				return fmt.Errorf("acknowledged %q: %w", rest, err)
			}
			if err := counter.Ack(n); err != nil {
				return err
			}
		case "err":
			counter.Fail(rest)
		case "library":
			l.version.Store(rest)
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = append([]byte(nil), t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
