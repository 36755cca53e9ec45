package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// diskCalls is what a process asked of its disk.
type diskCalls struct {
	syncs uint64 // fsync, fdatasync, sync_file_range
	bytes uint64 // written to files
}

// tracer is an strace of one process.
type tracer struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	output string
}

// traceDisk begins to trace a process and all its threads.
func traceDisk(ctx context.Context, dir string, pid int) (*tracer, error) {
	path, err := exec.LookPath("strace")
	if err != nil {
		return nil, &peers.MissingError{Program: "strace", Debian: "strace"}
	}
	t := &tracer{output: filepath.Join(dir, fmt.Sprintf("strace-%d-%d", pid, time.Now().UnixNano()))}
	t.cmd = exec.Command(path, "-f", "-y", "-s", "0", "-o", t.output,
		"-e", "trace=fsync,fdatasync,sync_file_range,write,writev,pwrite64,pwritev", "-p", strconv.Itoa(pid))
	t.cmd.Stderr = &t.stderr
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start strace: %w", err)
	}
	if err := procs.Poll(ctx, func(context.Context) error { return traced(pid) }); err != nil {
		_, endErr := t.end()
		return nil, errors.Join(err, endErr)
	}
	return t, nil
}

// errUntraced means that a thread is not traced yet.
var errUntraced = errors.New("not traced by strace; is tracing allowed here?")

// traced reports whether every thread of a process has a tracer.
func traced(pid int) error {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && bytes.Contains(text, []byte("TracerPid:\t0\n")) { // else: it has ended
			return fmt.Errorf("%s: %w", f, errUntraced)
		}
	}
	return nil
}

// end ends the trace and counts.
func (t *tracer) end() (diskCalls, error) {
	if err := t.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return diskCalls{}, fmt.Errorf("end strace: %w", err)
	}
	_ = t.cmd.Wait() // it ends by the signal
	f, err := os.Open(t.output)
	if err != nil {
		return diskCalls{}, fmt.Errorf("read trace: %w: %s", err, t.stderr.Bytes())
	}
	defer f.Close()
	defer os.Remove(t.output)
	return parseTrace(f)
}

// parseTrace counts the calls in the output of strace -f -y:
//
//	123 fdatasync(9</data/wal/1.wal>) = 0
//	124 pwrite64(9</data/wal/1.wal>, ""..., 48, 0 <unfinished ...>
//	124 <... pwrite64 resumed>) = 48
//
// What is no file, or is the process's output, does not count.
func parseTrace(r io.Reader) (c diskCalls, err error) {
	open := map[string]bool{} // threads that are in the middle of a write to a file
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		thread, call, ok := strings.Cut(strings.TrimLeft(lines.Text(), " "), " ")
		call = strings.TrimLeft(call, " ")
		if !ok {
			continue
		}
		if strings.HasPrefix(call, "<... ") {
			if open[thread] {
				c.bytes += returned(call)
			}
			delete(open, thread)
			continue
		}
		name, args, ok := strings.Cut(call, "(")
		if !ok || !onFile(args) {
			continue
		}
		if strings.Contains(name, "sync") {
			c.syncs++
			continue
		}
		if strings.HasSuffix(call, "<unfinished ...>") {
			open[thread] = true
			continue
		}
		c.bytes += returned(call)
	}
	if err := lines.Err(); err != nil {
		return c, fmt.Errorf("read trace: %w", err)
	}
	return c, nil
}

// onFile reports whether the first of a call's arguments is a file other than the
// process's output.
func onFile(args string) bool {
	fd, path, ok := strings.Cut(args, "<")
	return ok && fd != "1" && fd != "2" && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "/dev/")
}

// returned is what a call returned, 0 if it failed.
func returned(call string) uint64 {
	at := strings.LastIndex(call, " = ")
	if at < 0 {
		return 0
	}
	text, _, _ := strings.Cut(call[at+3:], " ")
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
