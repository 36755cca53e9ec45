package procs

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoModule means that the working directory is in no Go module.
var ErrNoModule = errors.New("not in a Go module")

// Build compiles the main package at path, a folder below this module's root
// such as "cmd/pingd", into dir and returns the binary. A folder with a go.mod
// of its own is built as the module it is.
func Build(ctx context.Context, dir, path string) (string, error) {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	binary, err := filepath.Abs(filepath.Join(dir, filepath.Base(path)))
	if err != nil {
		return "", fmt.Errorf("build %s: %w", path, err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = filepath.Join(root, path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", path, err, out)
	}
	return binary, nil
}

// ModuleRoot returns the folder of this module. It asks the go command, so that it
// is right from every folder that a test may run in.
func ModuleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == "/dev/null" {
		return "", ErrNoModule
	}
	return filepath.Dir(file), nil
}
