package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pingd/integration/procs"
)

// django returns the example's program with what it is to do, or ends the test as
// procs.Need does.
func django(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	if out, err := exec.CommandContext(within(t), DebianPython, "-c", "import django, django_redis").CombinedOutput(); err != nil {
		end := t.Skipf
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			end = t.Fatalf
		}
		end("Django: install the Debian packages python3-django and python3-django-redis\n%s", out)
	}
	root, err := procs.ModuleRoot(within(t))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(root, "integration", "clients", "python", "djangoapp.py")
	return exec.CommandContext(within(t), DebianPython, append([]string{"-B", script}, words...)...)
}

func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A view that counts visits with two commands is given another address, nothing
// else; on each of the nodes.
func TestDjangoViewOfATutorial(t *testing.T) {
	django(t) // or nothing needs to be started
	for i, n := range stores(t, 2, "").Stores {
		host, port, _ := strings.Cut(n.Redis, ":")
		each := django(t, "visits", host, port, "3")
		if got, want := run(t, each), fmt.Sprintf("%d %d %d", 3*i+1, 3*i+2, 3*i+3); got != want {
			t.Errorf("visits by way of %s: %s, want %s", n.Name(), got, want)
		}
	}
}

// Django's cache and sessions, which find the store by Sentinel, write to the leader
// and read from replicas.
func TestDjangoCacheAndSessions(t *testing.T) {
	django(t)
	_, to := start(t)
	cmd := django(t, "cache", join(to.Sentinels), to.Master, to.Password, "django")
	if got := run(t, cmd); !strings.HasPrefix(got, "ok ") {
		t.Error(got)
	}
}
