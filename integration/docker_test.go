package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pingd/integration/procs"
)

// dockerCLI is Debian's: another client on PATH may lack a builder.
const dockerCLI = "/usr/bin/docker"

// composeTool is the program that reads compose.yaml: Debian's docker-compose 1.29,
// or what PINGD_TEST_COMPOSE says, such as "docker compose" for Compose v2.
func composeTool(t *testing.T) []string {
	t.Helper()
	if words := strings.Fields(os.Getenv("PINGD_TEST_COMPOSE")); len(words) > 0 {
		return words
	}
	return []string{procs.Need(t, "/usr/bin/docker-compose", "docker-compose")}
}

// needDocker skips, or fails, a test without a Docker engine.
func needDocker(t *testing.T) {
	t.Helper()
	procs.Need(t, dockerCLI, "docker.io")
	out, err := exec.CommandContext(within(t), dockerCLI, "info").CombinedOutput()
	if err == nil {
		return
	}
	if os.Getenv("PINGD_TEST_ALL") == "1" {
		t.Fatalf("docker info: %v\n%s", err, out)
	}
	t.Skip("no Docker engine runs: install the Debian package docker.io and start dockerd")
}

// rootfs is what the images hold, made once as a release makes it.
var rootfs = sync.OnceValues(func() ([]byte, error) { return releaseRootfs("..") })

// releaseRootfs makes it from the checkout at root.
func releaseRootfs(root string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "pingd-rootfs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(filepath.Join(root, ".ci", "release"), "rootfs", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("release rootfs: %w\n%s", err, out)
	}
	return os.ReadFile(filepath.Join(dir, "rootfs.tar"))
}

// buildContext is a folder to build images in from a binary built here, so that
// nothing is pulled and the checkout stays as it is.
func buildContext(t *testing.T) string {
	t.Helper()
	tar, err := rootfs()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string][]byte{"dist/rootfs.tar": tar}
	for _, name := range []string{"Dockerfile", "compose.yaml", ".dockerignore"} {
		if files[name], err = os.ReadFile(filepath.Join("..", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dist"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// imageTag is of this process's images alone: other runs build at the same time.
func imageTag() string { return fmt.Sprintf("test%d", os.Getpid()) }

// buildImage builds the image of a role and returns its id. It goes with the test.
func buildImage(t *testing.T, dir, role string, more ...string) string {
	t.Helper()
	name := "pingd-" + role + ":" + imageTag() + "-" + strings.ToLower(filepath.Base(dir))
	args := append([]string{"build", "-q", "--build-arg", "BIN=prebuilt", "--target", role, "-t", name}, more...)
	cmd := exec.CommandContext(within(t), dockerCLI, append(args, dir)...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(dockerCLI, "rmi", "-f", name).CombinedOutput(); err != nil {
			t.Errorf("docker rmi %s: %v\n%s", name, err, out)
		}
	})
	return name
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(within(t), dockerCLI, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// compose is the stack of compose.yaml on a Docker engine of this machine.
type compose struct {
	tool    []string // the program, and its first arguments
	dir     string
	project string
	env     []string
}

// startCompose builds the images and starts the stack; its proxies are published
// on a range of ports.
func startCompose(t *testing.T, proxyPorts, pageAddr string, args ...string) *compose {
	t.Helper()
	tool := composeTool(t)
	needDocker(t)
	env := append(os.Environ(), "PATH="+filepath.Dir(dockerCLI)+":"+os.Getenv("PATH"), "DOCKER_BUILDKIT=1", "COMPOSE_DOCKER_CLI_BUILD=1",
		"BIN=prebuilt", "PINGD_TAG="+imageTag(), "PINGD_PORTS="+proxyPorts, "PINGD_PAGE="+pageAddr)
	c := &compose{tool: tool, dir: buildContext(t), project: fmt.Sprintf("pingdtest%d", os.Getpid()), env: env}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := c.run(context.Background(), "logs", "--tail=15")
			t.Logf("%s", out)
		}
		if out, err := c.run(context.Background(), "down", "--volumes", "--timeout", "5"); err != nil {
			t.Errorf("compose down: %v\n%s", err, out)
		}
		for _, role := range []string{"store", "counter", "proxy", "monitor"} {
			for _, tag := range []string{imageTag(), imageTag() + "next"} {
				_ = exec.Command(dockerCLI, "rmi", "-f", "pingd-"+role+":"+tag).Run() // one of the two may not exist
			}
		}
	})
	c.must(t, append([]string{"up", "-d", "--build"}, args...)...)
	return c
}

func (c *compose) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.tool[0], slices.Concat(c.tool[1:], []string{"-p", c.project}, args)...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *compose) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.run(t.Context(), args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", c.tool, args, err, out)
	}
	return out
}

// scale changes how many containers services have: "store=5", ...
func (c *compose) scale(t *testing.T, services ...string) {
	t.Helper()
	args := []string{"up", "-d", "--no-recreate", "--no-build"}
	for _, s := range services {
		args = append(args, "--scale", s)
	}
	c.must(t, args...)
}

// containers returns the ids of a service's containers, in any order. (The engine
// tells them in a tenth of the time that docker-compose takes.)
func (c *compose) containers(ctx context.Context, service string) ([]string, error) {
	out, err := exec.CommandContext(ctx, dockerCLI, "ps", "-q",
		"--filter", "label=com.docker.compose.project="+c.project, "--filter", "label=com.docker.compose.service="+service).Output()
	ids := strings.Fields(string(out))
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("no container of %s runs", service)
	}
	return ids, err
}

// container returns one of them.
func (c *compose) container(t *testing.T, service string) string {
	t.Helper()
	ids, err := c.containers(within(t), service)
	if err != nil {
		t.Fatal(err)
	}
	return ids[0]
}

// visitAt returns the URL of each proxy; the engine chooses from the range.
func (c *compose) visitAt(t *testing.T) (urls []string) {
	t.Helper()
	ids, err := c.containers(within(t), "proxy")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		_, port, _ := net.SplitHostPort(strings.Split(docker(t, "port", id, "8080"), "\n")[0])
		urls = append(urls, "http://127.0.0.1:"+port+"/")
	}
	return urls
}

// storeStatus is what "pingd status --json" says in a container of a store.
type storeStatus struct {
	Leader  string
	Members []struct {
		Name, Redis  string
		Alive, Voter bool
	}
}

// status asks any store that answers.
func (c *compose) status(ctx context.Context) (st storeStatus, err error) {
	ids, err := c.containers(ctx, "store")
	for _, id := range ids {
		ask, cancel := context.WithTimeout(ctx, 5*time.Second) // a paused one never answers
		var out []byte
		out, err = exec.CommandContext(ask, dockerCLI, "exec", id, "/pingd", "status", "--json").Output()
		cancel()
		if err == nil {
			err = json.Unmarshal(out, &st)
		}
		if err == nil {
			return st, nil
		}
	}
	return st, err
}

// whole waits until so many stores vote, all of them alive, and one leads.
func (c *compose) whole(t *testing.T, voters int) storeStatus {
	t.Helper()
	var st storeStatus
	eventually(t, func(ctx context.Context) (err error) {
		if st, err = c.status(ctx); err != nil {
			return err
		}
		alive := 0
		for _, m := range st.Members {
			if m.Alive && m.Voter {
				alive++
			}
		}
		if alive != voters || st.Leader == "" {
			return fmt.Errorf("%d voters are alive, want %d: %+v", alive, voters, st)
		}
		return nil
	})
	return st
}

// leader returns the container of the store that leads: that with the address it
// advertises.
func (c *compose) leader(t *testing.T) string {
	t.Helper()
	st, err := c.status(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range st.Members {
		if m.Name != st.Leader {
			continue
		}
		host, _, _ := strings.Cut(m.Redis, ":")
		ids, err := c.containers(within(t), "store")
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if docker(t, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id) == host {
				return id
			}
		}
	}
	t.Fatalf("no container of the leader: %+v", st)
	return ""
}
