package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The archive of a release holds what the documents say, and its program runs.
// (".ci/release" makes one for each system, with bills of materials and checksums.)
func TestReleaseArchive(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), filepath.Join("..", ".ci", "release"), "archive", dir) // it builds: that may take its time
	cmd.Env = append(os.Environ(), "VERSION=1.2.3")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("release archive: %v\n%s", err, out)
	}
	name := "pingd-1.2.3-" + runtime.GOOS + "-" + runtime.GOARCH
	if out, err := exec.CommandContext(within(t), "tar", "-C", dir, "-xzf", filepath.Join(dir, name+".tar.gz")).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	root := filepath.Join(dir, name)
	said := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(within(t), filepath.Join(root, "pingd"), args...).CombinedOutput()
		if err != nil {
			t.Errorf("pingd %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if version := said("version"); !strings.HasPrefix(version, "pingd 1.2.3 ") {
		t.Errorf("its version is %q", version)
	}
	said("--check", "--config="+filepath.Join(root, "pingd.conf"))
	for _, shell := range []string{"bash", "zsh", "fish"} {
		want := said("completion", shell)
		if got, err := os.ReadFile(filepath.Join(root, "completion", "pingd."+shell)); err != nil || string(got) != want {
			t.Errorf("completion of %s: %d bytes, not %d: %v", shell, len(got), len(want), err)
		}
	}
	for _, file := range []string{"pingd.service", "pingd.conf", "README.md", "docs/operations.md", "docs/page.png", "docs/monitoring/prometheus-rules.yml"} {
		if info, err := os.Stat(filepath.Join(root, file)); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
}
