package integration

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pingd/integration/procs"
)

// notices is the socket of a service manager, and what it was told.
type notices struct {
	t    *testing.T
	conn *net.UnixConn
}

func listenForNotices(t *testing.T) *notices {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &notices{t, conn}
}

// until reads messages up to the first one with the line.
func (n *notices) until(line string) {
	n.t.Helper()
	b := make([]byte, 4096)
	_ = n.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		size, err := n.conn.Read(b)
		if err != nil {
			n.t.Fatalf("wait for %s: %v", line, err)
		}
		if slices.Contains(strings.Split(string(b[:size]), "\n"), line) {
			return
		}
	}
}

// A service manager is told when the stack serves, that it lives, and when it
// stops; a frozen process does not claim to live.
func TestServiceManagerIsTold(t *testing.T) {
	lab := procs.ForTest(t)
	n := listenForNotices(t)
	admin, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--data=" + dirOf(t, lab, "data"), "--admin-addr=" + admin}
	for _, flag := range []string{"proxy", "counter", "redis", "raft", "sentinel"} {
		args = append(args, "--"+flag+"-addr=:0")
	}
	p, err := lab.Start(within(t), procs.Spec{
		Name: "pingd", Path: pingd(t), Args: args,
		Env: []string{"NOTIFY_SOCKET=" + n.conn.LocalAddr().String(), "WATCHDOG_USEC=200000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.until("READY=1")
	mustGet(t, "http://"+admin+"/readyz")
	n.until("WATCHDOG=1")
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	// What was on its way is read; then the watchdog's time passes five times over.
	for err == nil {
		_ = n.conn.SetReadDeadline(time.Now().Add(time.Second))
		_, err = n.conn.Read(make([]byte, 4096))
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	n.until("WATCHDOG=1")
	if err := p.BeginTerminate(); err != nil {
		t.Fatal(err)
	}
	n.until("STOPPING=1")
	if err := p.Terminated(within(t)); err != nil {
		t.Fatal(err)
	}
}

// The unit in docs is one that systemd takes, and gives little away.
func TestSystemdUnit(t *testing.T) {
	analyze := procs.Need(t, "systemd-analyze", "systemd")
	unit, err := os.ReadFile("../docs/pingd.service")
	if err != nil {
		t.Fatal(err)
	}
	// The binary is where it was built.
	text := strings.ReplaceAll(string(unit), "/usr/local/bin/pingd", pingd(t))
	path := filepath.Join(t.TempDir(), "pingd.service")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(within(t), analyze, "verify", "--man=no", "--recursive-errors=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// 0 is best, 10 worst; --threshold is ten times that.
	if out, err := exec.CommandContext(within(t), analyze, "security", "--offline=true", "--threshold=25", path).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// A real systemd starts it, ends a process that hangs, and stops it: a manager of
// its own in namespaces, which root may make, and which end with it.
func TestUnderSystemd(t *testing.T) {
	procs.Need(t, "systemctl", "systemd")
	unshare := procs.Need(t, "unshare", "util-linux")
	if os.Getuid() != 0 {
		t.Skip("root makes namespaces for it")
	}
	lab := procs.ForTest(t)
	dir := dirOf(t, lab, "manager")
	const manager = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/0
/lib/systemd/systemd --user --log-target=console`
	units := filepath.Join(dir, ".config", "systemd", "user")
	if err := os.MkdirAll(units, 0o700); err != nil {
		t.Fatal(err)
	}
	service := fmt.Sprintf(`[Service]
Type=notify
ExecStart=%s --data=%s/data --proxy-addr=:0 --counter-addr=:0 --redis-addr=:0 --raft-addr=:0 --sentinel-addr=:0 --admin-addr=:0
StandardError=append:%[2]s/pingd.log
WatchdogSec=2s
Restart=always
RestartSec=100ms
`, pingd(t), dir)
	if err := os.WriteFile(filepath.Join(units, "pingd.service"), []byte(service), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + dir, "XDG_RUNTIME_DIR=/run/user/0", "SYSTEMD_PAGER="}
	systemd, err := lab.Start(within(t), procs.Spec{
		Name: "systemd", Path: unshare, Args: []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", manager}, Env: env,
	})
	if err != nil {
		t.Fatal(err)
	}
	systemctl := func(ctx context.Context, args ...string) (string, error) {
		// Inside the namespaces, those of unshare's child, where the socket is.
		child, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", systemd.PID()))
		if err != nil {
			return "", err
		}
		cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--mount", "--pid", "--target", strings.TrimSpace(string(child)), "systemctl", "--user"}, args...)...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("systemctl %v: %w: %s", args, err, out)
		}
		return strings.TrimSpace(string(out)), nil
	}
	show := func(property, want string) {
		t.Helper()
		eventually(t, func(ctx context.Context) error {
			got, err := systemctl(ctx, "show", "pingd", "--value", "-p", property)
			if err == nil && got != want {
				err = fmt.Errorf("%s is %q, not %q", property, got, want)
			}
			return err
		})
	}
	eventually(t, func(ctx context.Context) error { _, err := systemctl(ctx, "start", "pingd"); return err })
	show("ActiveState", "active")
	show("StatusText", "serving")
	if _, err := systemctl(within(t), "kill", "--signal=SIGSTOP", "pingd"); err != nil {
		t.Fatal(err)
	}
	show("NRestarts", "1")
	show("StatusText", "serving")
	if _, err := systemctl(within(t), "stop", "pingd"); err != nil {
		t.Fatal(err)
	}
	show("Result", "success")
}
