package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/procs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(dir string) *Session {
	return &Session{Flags: Flags{Dir: dir}, Stdout: io.Discard, Log: slog.New(slog.DiscardHandler)}
}

func TestPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := Pass(t.Context(), time.Hour); err != nil || time.Since(began) != time.Hour {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		for _, d := range []time.Duration{0, -time.Second} { // what is over already
			if err := Pass(t.Context(), d); err != nil || time.Since(began) != time.Hour {
				t.Errorf("%s: %v after %s", d, err, time.Since(began))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Pass(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Hour+time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		if err := Within(t.Context(), time.Minute, hang); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		own := errors.New("its own")
		if err := Within(t.Context(), time.Minute, func(context.Context) error { return own }); !errors.Is(err, own) {
			t.Error(err)
		}
	})
}

// TestWithLab holds that a directory that was named stays, and another does not, also
// when the benchmark fails.
func TestWithLab(t *testing.T) {
	failed := errors.New("failed")
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "new", "one")} {
		var in string
		err := made(dir).WithLab(func(lab *procs.Lab) (err error) {
			if in, err = lab.Dir("d"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(in, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Error(err)
		}
		if _, err := os.Stat(in); (err == nil) != (dir != "") {
			t.Errorf("--dir=%q: afterwards %v", dir, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := made(filepath.Join(file, "below")).WithLab(func(*procs.Lab) error { t.Error("it began"); return nil }); err == nil {
		t.Error("a directory below a file")
	}
}

func TestInspect(t *testing.T) {
	err := made("").WithLab(func(lab *procs.Lab) error {
		dir, m, err := made("").Inspect(lab)
		if info, statErr := os.Stat(dir); err != nil || statErr != nil || !info.IsDir() || m.Cores < 1 || m.SyncMS <= 0 {
			t.Errorf("%s, %+v, %v, %v", dir, m, err, statErr)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBinary holds that the binary that was named is taken, and one that is missing told
// with a line to paste; StartCluster begins with it.
func TestBinary(t *testing.T) {
	s := made("")
	err := s.WithLab(func(lab *procs.Lab) error {
		s.Pingd = os.Args[0]
		if got, err := s.Binary(t.Context(), lab); got != os.Args[0] || err != nil {
			t.Errorf("%s, %v", got, err)
		}
		s.Pingd = filepath.Join(t.TempDir(), "none")
		_, err := s.StartCluster(t.Context(), lab, procs.ClusterConfig{Stores: 1})
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "hint: go build -o "+s.Pingd) {
			t.Error(err)
		}
		s.Pingd, s.built = "", "built before"
		if got, err := s.Binary(t.Context(), lab); got != s.built || err != nil {
			t.Errorf("built again: %s, %v", got, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	var out bytes.Buffer
	s = &Session{Stdout: &out, Log: slog.New(slog.DiscardHandler)}
	if err := s.WithLab(func(*procs.Lab) error { return nil }); err != nil || out.Len() > 0 {
		t.Errorf("%v; the output is for the report alone: %q", err, &out)
	}
}
