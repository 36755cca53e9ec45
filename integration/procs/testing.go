package procs

import (
	"log/slog"
	"os"
	"os/exec"
	"strings"
)

// TB is what this package needs of a *testing.T or *testing.B: programs that
// are no tests use the package too, and must not carry the flags of "testing".
type TB interface {
	Helper()
	Name() string
	TempDir() string
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// ForTest returns a Lab that ends with the test and shows the tail of every
// process's output when the test failed.
func ForTest(t TB) *Lab {
	t.Helper()
	lab, err := NewLab(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("make lab: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			var tails strings.Builder
			lab.WriteTails(&tails, 30)
			t.Logf("%s", tails.String())
		}
		if err := lab.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	return lab
}

// Root skips the test where it is not run by root.
func Root(t TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skipf("this test makes disks and networks of its own: run it as root")
	}
}

// Need returns the path of a program, or ends the test: it is skipped with the
// Debian package to install, and fails instead when PINGD_TEST_ALL=1 is set.
func Need(t TB, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	end := t.Skipf
	if os.Getenv("PINGD_TEST_ALL") == "1" {
		end = t.Fatalf
	}
	end("%s: install the Debian package %s", program, debian)
	return ""
}
