package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/procs"
)

// compose is the stack of compose.yaml on a Docker engine of this machine.
type compose struct {
	root    string // of the checkout
	project string
	env     []string
}

// startCompose builds the images from a binary built here, so that nothing is
// pulled, and starts the stack.
func startCompose(t *testing.T, proxyPort, pageAddr string) *compose {
	t.Helper()
	tool := procs.Need(t, "/usr/bin/docker-compose", "docker-compose")
	docker := procs.Need(t, "/usr/bin/docker", "docker.io")
	if out, err := exec.CommandContext(within(t), docker, "info").CombinedOutput(); err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatalf("docker info: %v\n%s", err, out)
		}
		t.Skip("no Docker engine runs: install the Debian package docker.io and start dockerd")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	// The build's context is a folder of its own: the checkout stays as it is.
	dir := t.TempDir()
	for _, f := range []string{"Dockerfile", "compose.yaml", ".dockerignore"} {
		b, err := os.ReadFile(filepath.Join(root, f))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, f), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(within(t), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "dist", "pingd"), "./cmd/pingd")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	// Debian's tools before any others: another client may lack a builder.
	env := append(os.Environ(), "PATH="+filepath.Dir(tool)+":"+os.Getenv("PATH"), "DOCKER_BUILDKIT=1", "COMPOSE_DOCKER_CLI_BUILD=1",
		"BIN=prebuilt", "PINGD_PORTS="+proxyPort, "PINGD_PAGE="+pageAddr)
	c := &compose{root: dir, project: fmt.Sprintf("pingdtest%d", os.Getpid()), env: env}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := c.run(context.Background(), "logs", "--tail=15")
			t.Logf("%s", out)
		}
		if out, err := c.run(context.Background(), "down", "--volumes", "--timeout", "5"); err != nil {
			t.Errorf("compose down: %v\n%s", err, out)
		}
	})
	c.must(t, "up", "-d", "--build")
	return c
}

func (c *compose) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/docker-compose", append([]string{"-p", c.project}, args...)...)
	cmd.Dir, cmd.Env = c.root, c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *compose) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.run(t.Context(), args...)
	if err != nil {
		t.Fatalf("docker-compose %v: %v\n%s", args, err, out)
	}
	return out
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(within(t), "/usr/bin/docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestComposeStack is the tutorial's experiment: the stack in containers goes on
// counting while the leader is paused, a counter is killed and counters are added.
func TestComposeStack(t *testing.T) {
	lab := procs.ForTest(t)
	proxy, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	page, err := lab.Addr()
	if err != nil {
		t.Fatal(err)
	}
	c := startCompose(t, strings.TrimPrefix(proxy, "127.0.0.1:"), page)
	url := "http://" + proxy + "/"
	eventually(t, func(ctx context.Context) error { _, err := get(url)(ctx); return err })

	base, _, err := drive.VisitOnce(within(t), url, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	rec := drive.NewRecorder(base)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := drive.Visits{URLs: []string{url}, Clients: 20, For: 2 * time.Minute, Timeout: 5 * time.Second}.Run(ctx, rec)
		done <- err
	}()
	goesOn := func() { eventually(t, rec.AckedSince(rec.Since())) }
	goesOn()

	leader := c.leader(t)
	docker(t, "pause", leader)
	goesOn()
	docker(t, "unpause", leader)
	goesOn()
	docker(t, "kill", c.container(t, "counter"))
	goesOn()
	c.must(t, "up", "-d", "--no-recreate", "--scale", "counter=4")
	goesOn()

	cancel()
	if err := <-done; err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	final, _, err := drive.VisitOnce(within(t), url, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	a := rec.Account(final - 1)
	failed, kinds := rec.Errors()
	t.Logf("acked %d, lost %d, duplicates %d, errors %d %v, longest gap %s", a.Acked, a.Lost, a.Duplicates, failed, kinds, rec.Longest().Long)
	if a.Acked == 0 || a.Lost != 0 || a.Duplicates != 0 {
		t.Errorf("account %+v", a)
	}
	eventually(t, func(ctx context.Context) error {
		body, err := plain(ctx, "http://"+page+"/")
		if err == nil && !strings.Contains(body, "3 of 3 stores") {
			err = fmt.Errorf("the page says:\n%s", body)
		}
		return err
	})
}

// container returns the id of one container of a service.
func (c *compose) container(t *testing.T, service string) string {
	t.Helper()
	ids := strings.Fields(c.must(t, "ps", "-q", service))
	if len(ids) == 0 {
		t.Fatalf("no container of %s", service)
	}
	return ids[0]
}

// leader returns the id of the container whose store leads; its host name, and
// so the node's, is the beginning of that.
func (c *compose) leader(t *testing.T) string {
	t.Helper()
	var st struct{ Leader string }
	out := docker(t, "exec", c.container(t, "store"), "/pingd", "status", "--json")
	if err := json.Unmarshal([]byte(out), &st); err != nil || st.Leader == "" {
		t.Fatalf("status: %v\n%s", err, out)
	}
	return st.Leader
}
