package procs

import (
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// AtEnd runs a shell script with arguments when the test ends, or when its process
// does, in whatever way (a panic, a time limit, kill -9): what a test makes outside of
// processes and directories is taken away for sure. Scripts run in the reverse order of
// their calls; one that fails fails the test.
func AtEnd(t TB, script string, args ...string) {
	t.Helper()
	// The shell blocks on a pipe that only this process can write to.
	guard := exec.Command("/bin/sh", append([]string{"-c", "read -r _\n" + script, "sh"}, args...)...)
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	var out strings.Builder
	guard.Stdout, guard.Stderr = &out, &out
	var stdin io.Closer
	stdin, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		t.Fatalf("start the guard that cleans up: %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := guard.Wait(); err != nil {
			t.Errorf("clean up: %v\n%s", err, &out)
		}
	})
}
