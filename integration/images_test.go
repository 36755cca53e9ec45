package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The same source gives the same binary and the same layers in any folder.
func TestImagesAreReproducible(t *testing.T) {
	needDocker(t)
	first, err := rootfs()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "a", "longer", "path")
	if err := os.CopyFS(elsewhere, goSources{os.DirFS("..")}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(elsewhere, ".ci", "release"), 0o755); err != nil {
		t.Fatal(err)
	}
	second, err := releaseRootfs(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("%d and %d bytes differ from one folder to another", len(first), len(second))
	}
	layers := func(dir string) string {
		return docker(t, "inspect", "-f", "{{json .RootFS.Layers}}", buildImage(t, dir, "store", "--no-cache"))
	}
	if a, b := layers(buildContext(t)), layers(buildContext(t)); a != b {
		t.Errorf("layers %s in one folder, %s in another", a, b)
	}
}

// What every image promises: small, not root, nothing but the binary, a health
// check, and a word on what it needs.
func TestImages(t *testing.T) {
	needDocker(t)
	dir := buildContext(t)
	const most = 25 << 20
	for role, needs := range map[string]string{
		"store": "PINGD_SECRET=", "monitor": "PINGD_SECRET=", "all": "PINGD_SECRET=",
		"counter": "PINGD_JOIN=", "sentinel": "PINGD_JOIN=", "proxy": "PINGD_BACKEND=",
	} {
		image := buildImage(t, dir, role, "--build-arg", "VERSION=1.2.3")
		var info []struct {
			Size   int64
			Config struct {
				User, WorkingDir string
				Env, Entrypoint  []string
				Volumes          map[string]any
				Healthcheck      struct{ Test []string }
				Labels           map[string]string
			}
		}
		if err := json.Unmarshal([]byte(docker(t, "image", "inspect", image)), &info); err != nil {
			t.Fatal(err)
		}
		c := info[0].Config
		if info[0].Size > most || c.User != "65532:65532" || strings.Join(c.Healthcheck.Test, " ") != "CMD /pingd health" ||
			c.Labels["org.opencontainers.image.version"] != "1.2.3" {
			t.Errorf("%s: %+v", role, info[0])
		}
		if durable := role == "store" || role == "monitor" || role == "all"; (c.Volumes["/data"] != nil) != durable {
			t.Errorf("%s: volumes %v", role, c.Volumes)
		}
		// Alone it says what to set, and does not start half of it.
		out, err := exec.CommandContext(within(t), dockerCLI, "run", "--rm", "--read-only", image).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "hint: "+needs) {
			t.Errorf("%s alone: %v\n%s", role, err, out)
		}
	}
	files := docker(t, "create", "--name", "pingd-"+imageTag(), buildImage(t, dir, "all"))
	defer docker(t, "rm", "-v", files)
	list, err := exec.CommandContext(within(t), "sh", "-c", dockerCLI+" export "+files+" | tar -t | grep -v -e '^dev/' -e '^etc/' -e '^proc/' -e '^sys/'").Output()
	if err != nil || strings.Join(strings.Fields(string(list)), " ") != ".dockerenv data/ pingd" {
		t.Errorf("the image holds %q, %v", list, err)
	}
}

// The whole stack in one container, with a read-only root and a password.
func TestImageOfAll(t *testing.T) {
	needDocker(t)
	image := buildImage(t, buildContext(t), "all")
	id := docker(t, "run", "-d", "--read-only", "--cap-drop=ALL", "-e", "PINGD_SECRET=hush", "-p", "127.0.0.1::8080", image)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", docker(t, "logs", id))
		}
		_ = exec.Command(dockerCLI, "rm", "-f", "-v", id).Run()
	})
	url := func() string { return "http://" + strings.Split(docker(t, "port", id, "8080"), "\n")[0] + "/" }
	until(t, url(), "1")
	eventually(t, func(ctx context.Context) error {
		if state := docker(t, "inspect", "-f", "{{.State.Health.Status}}", id); state != "healthy" {
			return fmt.Errorf("container is %s", state)
		}
		return nil
	})
	// Another process in the container has the same settings.
	if out := docker(t, "exec", id, "/pingd", "status"); !strings.Contains(out, "1 of 1 members alive") {
		t.Errorf("status in the container:\n%s", out)
	}
	docker(t, "restart", "--time=30", id)
	until(t, url(), "2")
}
