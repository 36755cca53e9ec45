package procs_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pingd/integration/procs"
)

func TestAtEndRunsWhenTheTestEnds(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	t.Run("", func(t *testing.T) {
		procs.AtEnd(t, `echo "$2" >>"$1"`, out, "first of two")
		procs.AtEnd(t, `echo "$2" >>"$1"`, out, "second")
		if _, err := os.Stat(out); err == nil {
			t.Error("it ran too early")
		}
	})
	if got, err := os.ReadFile(out); string(got) != "second\nfirst of two\n" {
		t.Errorf("ran %q, %v", got, err)
	}
}

// TestAtEndRunsWhenTheProcessIsKilled is in two processes: the other one is killed.
func TestAtEndRunsWhenTheProcessIsKilled(t *testing.T) {
	if out := os.Getenv("PROCS_TEST_AT_END"); out != "" {
		procs.AtEnd(t, `echo done >"$1"`, out)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	out := filepath.Join(t.TempDir(), "out")
	other := exec.Command(os.Args[0], "-test.run=^TestAtEndRunsWhenTheProcessIsKilled$")
	other.Env = append(os.Environ(), "PROCS_TEST_AT_END="+out)
	if text, err := other.CombinedOutput(); err == nil || other.ProcessState.ExitCode() != -1 {
		t.Fatalf("it was not killed: %v\n%s", err, text)
	}
	err := procs.Poll(within(t, 30*time.Second), func(context.Context) error {
		_, err := os.ReadFile(out)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
