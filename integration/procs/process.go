package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// ErrRunning is what starting a running process gives, ErrNotRunning what the
// verbs give that need one.
var (
	ErrRunning    = errors.New("already running")
	ErrNotRunning = errors.New("not running")
)

// Spec says how to start a process. The zero value is not usable: Name and
// Path are needed.
type Spec struct {
	Name string   // unique in the Lab; names the log file <name>.log
	Path string   // the program
	Args []string // without the program's own name
	Env  []string // added to a small environment: HOME, PATH, TMPDIR, LANG=C
	Dir  string   // working directory (default: the Lab's directory for Name)
	// Workers says that the program starts further processes. They then die
	// with the caller too, by a guard that the kernel's parent-death signal,
	// which reaches only the first process, does not give.
	Workers bool
}

// Process is one program that may be started and stopped again and again. Its
// methods may be called from any goroutine.
type Process struct {
	lab     *Lab
	spec    Spec
	logPath string

	mu    sync.Mutex
	cmd   *exec.Cmd     // of the present or last run
	guard *exec.Cmd     // nil unless Spec.Workers
	done  chan struct{} // closed when the present run has ended
}

func newProcess(l *Lab, spec Spec) (*Process, error) {
	if spec.Name == "" || spec.Path == "" {
		return nil, fmt.Errorf("start %q: a name and a path are needed", spec.Name)
	}
	if spec.Dir == "" {
		dir, err := l.Dir(spec.Name)
		if err != nil {
			return nil, err
		}
		spec.Dir = dir
	}
	return &Process{lab: l, spec: spec, logPath: filepath.Join(l.dir, spec.Name+".log")}, nil
}

// Name returns the name from the Spec.
func (p *Process) Name() string { return p.spec.Name }

// start begins a run. It fails with ErrRunning while one is under way.
func (p *Process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return fmt.Errorf("start %s: %w", p.spec.Name, ErrRunning)
	}
	out, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", p.spec.Name, err)
	}
	defer out.Close() // the child has its own descriptor

	cmd := exec.Command(p.spec.Path, p.spec.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.spec.Dir, out, out
	cmd.Env = append(baseEnv(), p.spec.Env...)
	// A group of its own: a Ctrl-C at the terminal reaches only the caller,
	// which then stops everything in order, and workers end with their master.
	cmd.SysProcAttr = bound()
	if err := p.lab.onLauncher(cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", p.spec.Name, err)
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() {
		_ = cmd.Wait() // the state is read from cmd.ProcessState
		// Workers whose master died first would live on; the group's id cannot
		// be another's yet.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		close(done)
	}()
	p.lab.log.Debug("process started", "name", p.spec.Name, "pid", cmd.Process.Pid)
	if !p.spec.Workers {
		return nil
	}
	return p.startGuard(cmd.Process.Pid)
}

// startGuard starts a shell that blocks on a pipe only the caller can write
// to: when the caller is gone it kills the whole group, workers included.
func (p *Process) startGuard(group int) error {
	guard := exec.Command("/bin/sh", "-c", `read -r _; kill -9 "-$0"`, strconv.Itoa(group))
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := guard.StdinPipe(); err != nil {
		return fmt.Errorf("open guard of %s: %w", p.spec.Name, err)
	}
	if err := guard.Start(); err != nil {
		return fmt.Errorf("start guard of %s: %w", p.spec.Name, err)
	}
	p.guard = guard
	return nil
}

// baseEnv is what every process needs; the caller's own PINGD_* variables must
// not steer the processes under test.
func baseEnv() []string {
	env := []string{"LANG=C"}
	for _, name := range []string{"HOME", "PATH", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// running tells whether a run is under way; p.mu must be held.
func (p *Process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Running tells whether the process exists (a paused one does).
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running()
}

// PID returns the process id of the present run, or of the last one.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Done returns a channel that is closed when the present run ends.
func (p *Process) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Signal sends sig to the process alone. ErrNotRunning if it has ended.
func (p *Process) Signal(sig syscall.Signal) error {
	return p.signal(sig, false)
}

func (p *Process) signal(sig syscall.Signal, group bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return fmt.Errorf("signal %s: %w", p.spec.Name, ErrNotRunning)
	}
	pid := p.cmd.Process.Pid
	if group {
		pid = -pid
	}
	err := syscall.Kill(pid, sig)
	if errors.Is(err, syscall.ESRCH) { // it ended this moment: done is closed in the next
		return fmt.Errorf("signal %s: %w", p.spec.Name, ErrNotRunning)
	}
	if err != nil {
		return fmt.Errorf("signal %s: %w", p.spec.Name, err)
	}
	return nil
}

// Pause stops the process and its workers with SIGSTOP: it keeps its
// connections and answers nothing.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP, true) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT, true) }

// Kill ends the process and its workers with SIGKILL and waits until it is
// gone. A process that has ended already is no error.
func (p *Process) Kill() error {
	err := p.signal(syscall.SIGKILL, true)
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	if done := p.Done(); done != nil { // nil: it could never be started
		<-done
	}
	p.endGuard()
	return nil
}

// Terminate sends SIGTERM and waits for the end. An exit status other than 0 is
// an error, and so is a context that ends first (the process then still runs).
func (p *Process) Terminate(ctx context.Context) error {
	if err := p.BeginTerminate(); err != nil {
		return err
	}
	return p.Terminated(ctx)
}

// BeginTerminate sends SIGTERM and returns at once: Terminated waits.
func (p *Process) BeginTerminate() error { return p.Signal(syscall.SIGTERM) }

// Terminated waits for the end that BeginTerminate asked for.
func (p *Process) Terminated(ctx context.Context) error {
	select {
	case <-p.Done():
	case <-ctx.Done():
		return fmt.Errorf("terminate %s: %w\n%s", p.spec.Name, ctx.Err(), p.Tail(10))
	}
	p.endGuard()
	if code := p.ExitCode(); code != 0 {
		return fmt.Errorf("terminate %s: exit status %d\n%s", p.spec.Name, code, p.Tail(10))
	}
	return nil
}

// Use makes the runs after the present one use another program: an upgrade.
func (p *Process) Use(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spec.Path = path
}

// Restart starts the process again with the same Spec, after killing a run
// that is still under way.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Kill(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("restart %s: %w", p.spec.Name, err)
	}
	return p.start()
}

// endGuard ends the guard of a run that is over.
func (p *Process) endGuard() {
	p.mu.Lock()
	guard := p.guard
	p.guard = nil
	p.mu.Unlock()
	if guard != nil {
		_ = guard.Process.Kill()
		_ = guard.Wait() // it was killed: its status says nothing
	}
}

// ExitCode returns the exit status of the last run: -1 while it runs or when a
// signal ended it.
func (p *Process) ExitCode() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.running() {
		return -1
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *Process) state() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.cmd == nil:
		return "not started"
	case p.running():
		return "running, pid " + strconv.Itoa(p.cmd.Process.Pid)
	default:
		return p.cmd.ProcessState.String()
	}
}

// LogPath returns the file that holds the output of all runs.
func (p *Process) LogPath() string { return p.logPath }

// Tail returns the last lines of the output.
func (p *Process) Tail(lines int) string {
	text, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
