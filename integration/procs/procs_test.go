package procs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/procs"
)

func TestMain(m *testing.M) {
	if os.Getenv("PROCS_TEST_CALLER") == "1" {
		callerThatDies()
		return
	}
	goleak.VerifyTestMain(m)
}

// within bounds a test's waits.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// sh is a Spec of a shell script.
func sh(name, script string) procs.Spec {
	return procs.Spec{Name: name, Path: "/bin/sh", Args: []string{"-c", script}}
}

// state reads the kernel's letter for a process: T stopped, Z dead, "" gone.
func state(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return fields[0]
}

// becomes polls until a process has one of the states.
func becomes(ctx context.Context, t *testing.T, pid int, states ...string) {
	t.Helper()
	err := procs.Poll(ctx, func(context.Context) error {
		for _, s := range states {
			if state(pid) == s {
				return nil
			}
		}
		return fmt.Errorf("process %d is %q, want one of %q", pid, state(pid), states)
	})
	if err != nil {
		t.Error(err)
	}
}

// waitTail polls until the output of a process holds a text.
func waitTail(ctx context.Context, t *testing.T, p *procs.Process, want string) {
	t.Helper()
	err := p.WaitReady(ctx, func(context.Context) error {
		if tail := p.Tail(5); !strings.Contains(tail, want) {
			return fmt.Errorf("output %q has no %q", tail, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerbs(t *testing.T) {
	lab, ctx := procs.ForTest(t), within(t, 10*time.Second)
	p, err := lab.Start(ctx, sh("loop", "trap 'echo bye; exit 0' TERM; echo up; while :; do read -r _ </dev/null; done"))
	if err != nil {
		t.Fatal(err)
	}
	waitTail(ctx, t, p, "up")
	pid := p.PID()
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, pid, "T")
	if !p.Running() {
		t.Error("a paused process is not running")
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, pid, "R", "S")
	if err := p.Terminate(ctx); err != nil {
		t.Fatal(err)
	}
	if tail := p.Tail(1); tail != "bye" {
		t.Errorf("last line %q, want bye", tail)
	}
	if p.Running() || p.ExitCode() != 0 {
		t.Errorf("after the end: running %v, exit status %d", p.Running(), p.ExitCode())
	}
	if err := p.Pause(); !errors.Is(err, procs.ErrNotRunning) {
		t.Errorf("pausing what has ended: %v, want ErrNotRunning", err)
	}
	if err := p.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if p.PID() == pid || !p.Running() {
		t.Error("a restarted process is not a new one that runs")
	}
	for range 2 {
		if err := p.Kill(); err != nil {
			t.Errorf("kill, and kill again: %v", err)
		}
	}
	if code := p.ExitCode(); code != -1 {
		t.Errorf("exit status of a killed process is %d, want -1", code)
	}
}

func TestTerminateReportsStatus(t *testing.T) {
	lab, ctx := procs.ForTest(t), within(t, 10*time.Second)
	p, err := lab.Start(ctx, sh("sulk", "trap 'echo no; exit 3' TERM; echo up; while :; do read -r _ </dev/null; done"))
	if err != nil {
		t.Fatal(err)
	}
	waitTail(ctx, t, p, "up")
	err = p.Terminate(ctx)
	if err == nil || !strings.Contains(err.Error(), "exit status 3\n") || !strings.Contains(err.Error(), "no") {
		t.Errorf("error %v, want the status and the tail", err)
	}
}

func TestTerminateIsBounded(t *testing.T) {
	lab, ctx := procs.ForTest(t), within(t, 10*time.Second)
	p, err := lab.Start(ctx, sh("deaf", "trap '' TERM; echo up; while :; do read -r _ </dev/null; done"))
	if err != nil {
		t.Fatal(err)
	}
	waitTail(ctx, t, p, "up")
	if err := p.Terminate(within(t, 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline", err)
	}
	if !p.Running() {
		t.Error("a process that ignores SIGTERM has gone")
	}
}

func TestWaitReadyEndsWithTheProcess(t *testing.T) {
	lab, ctx := procs.ForTest(t), within(t, 10*time.Second)
	p, err := lab.Start(ctx, sh("wrong", "echo unknown flag >&2; exit 2"))
	if err != nil {
		t.Fatal(err)
	}
	err = p.WaitReady(ctx, func(context.Context) error { return errors.New("nobody listens") })
	for _, want := range []string{"process ended", "exit status 2", "nobody listens", "unknown flag"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if ctx.Err() != nil {
		t.Error("waited for the deadline")
	}
}

func TestPollCarriesTheLastAnswer(t *testing.T) {
	last := errors.New("still starting")
	err := procs.Poll(within(t, 30*time.Millisecond), func(context.Context) error { return last })
	if !errors.Is(err, last) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the last answer and the deadline", err)
	}
}

func TestLabClose(t *testing.T) {
	lab, err := procs.NewLab(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	ctx := within(t, 10*time.Second)
	var pids []int
	for i := range 3 {
		// With a child each: the group has to go, not only the shell. One paused:
		// SIGKILL must reach it all the same.
		p, err := lab.Start(ctx, sh("nest"+strconv.Itoa(i), "sleep 100 & echo $!; wait"))
		if err != nil {
			t.Fatal(err)
		}
		var child int
		waitFor := p.WaitReady(ctx, func(context.Context) (err error) {
			child, err = strconv.Atoi(p.Tail(1))
			return err
		})
		if waitFor != nil {
			t.Fatal(waitFor)
		}
		pids = append(pids, p.PID(), child)
		if i == 0 {
			if err := p.Pause(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 {
		if err := lab.Close(); err != nil {
			t.Errorf("close, and close again: %v", err)
		}
	}
	for _, pid := range pids {
		becomes(ctx, t, pid, "", "Z")
	}
	if _, err := lab.Start(ctx, sh("late", "exit 0")); !errors.Is(err, procs.ErrClosed) {
		t.Errorf("start after close: %v, want ErrClosed", err)
	}
}

// callerThatDies is this test binary as a caller that gets no chance to clean
// up: it prints the ids of what it started and waits to be killed.
func callerThatDies() {
	ctx := context.Background()
	lab, err := procs.NewLab(os.Getenv("PROCS_TEST_DIR"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, workers := range []bool{false, true} {
		spec := sh(fmt.Sprint("workers-", workers), "exec sleep 100")
		if workers {
			spec = sh(spec.Name, "sleep 100 & echo $!; wait")
		}
		spec.Workers = workers
		p, err := lab.Start(ctx, spec)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.PID())
		for workers && !strings.HasSuffix(p.Tail(1), "0") && p.Tail(1) == "" {
			continue // until the shell has printed its worker
		}
		if workers {
			fmt.Println(p.Tail(1))
		}
	}
	fmt.Println("ready")
	select {}
}

func TestNothingOutlivesAKilledCaller(t *testing.T) {
	ctx := within(t, 10*time.Second)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	caller := exec.Command(os.Args[0])
	caller.Env = append(os.Environ(), "PROCS_TEST_CALLER=1", "PROCS_TEST_DIR="+dir)
	caller.Stdout, caller.Stderr = f, f
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	err = procs.Poll(ctx, func(context.Context) error {
		text, err := os.ReadFile(out)
		if err != nil {
			return err
		}
		if lines = strings.Fields(string(text)); len(lines) == 0 || lines[len(lines)-1] != "ready" {
			return fmt.Errorf("caller says %q", text)
		}
		return nil
	})
	if killErr := caller.Process.Signal(syscall.SIGKILL); killErr != nil {
		t.Error(killErr)
	}
	_ = caller.Wait() // killed
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 4 {
		t.Fatalf("caller says %q, want three process ids", lines)
	}
	for _, word := range lines[:3] {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		becomes(ctx, t, pid, "", "Z")
	}
}

func TestPorts(t *testing.T) {
	first, second := procs.ForTest(t), procs.ForTest(t)
	seen := map[int]bool{}
	for range 20 {
		for _, lab := range []*procs.Lab{first, second} {
			port, err := lab.Port()
			if err != nil {
				t.Fatal(err)
			}
			if seen[port] {
				t.Fatalf("port %d was handed out twice", port)
			}
			seen[port] = true
			if port >= 32768 {
				t.Fatalf("port %d is one that clients' connections take", port)
			}
		}
	}
	port, err := first.Port()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
	if err != nil {
		t.Skipf("port %d was taken meanwhile: %v", port+1, err)
	}
	defer ln.Close()
	next, err := first.Port()
	if err != nil {
		t.Fatal(err)
	}
	if next == port+1 {
		t.Errorf("port %d is in use and was handed out", next)
	}
}

func TestStartErrors(t *testing.T) {
	lab, ctx := procs.ForTest(t), within(t, 5*time.Second)
	if _, err := lab.Start(ctx, procs.Spec{Name: "nothing", Path: "/nonexistent/program"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want not exist", err)
	}
	if _, err := lab.Start(ctx, procs.Spec{Name: "nameless"}); err == nil {
		t.Error("a Spec without a path started something")
	}
	if _, err := procs.NewLab(filepath.Join(t.TempDir(), "absent"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("lab in an absent directory: %v, want not exist", err)
	}
}

func TestUsageOfItself(t *testing.T) {
	lab, ctx := procs.ForTest(t), within(t, 10*time.Second)
	p, err := lab.Start(ctx, sh("busy", "while :; do :; done"))
	if err != nil {
		t.Fatal(err)
	}
	err = procs.Poll(ctx, func(context.Context) error {
		u, err := p.Usage()
		if err != nil {
			return err
		}
		if u.CPU() == 0 || u.RSS == 0 {
			return fmt.Errorf("usage %+v", u)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Usage(); !errors.Is(err, procs.ErrNotRunning) {
		t.Errorf("usage of a dead process: %v, want ErrNotRunning", err)
	}
}
