package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoModule means that the working directory is in no Go module.
var ErrNoModule = errors.New("not in a Go module")

// Build compiles the main package at path, a folder below this module's root
// such as "cmd/pingd", with build tags, into dir and returns the binary. A folder
// with a go.mod of its own is built as the module it is.
func Build(ctx context.Context, dir, path string, tags ...string) (string, error) {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	return build(ctx, filepath.Join(root, path), filepath.Join(dir, filepath.Base(path)), tags...)
}

func build(ctx context.Context, folder, binary string, tags ...string) (string, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", folder, err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", strings.Join(tags, ","), "-o", binary, ".")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", folder, err, out)
	}
	return binary, nil
}

// ErrNoCommit means that the repository here has not got a commit: it is a shallow
// clone, or none.
var ErrNoCommit = errors.New("the repository here does not have the commit")

// BuildAt compiles the main package at path as it was at a commit, without touching
// the repository. ErrNoCommit if it is not there.
func BuildAt(ctx context.Context, dir, commit, path string) (string, error) {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	source := filepath.Join(dir, "source")
	if err := os.MkdirAll(source, 0o750); err != nil {
		return "", fmt.Errorf("build %s of %s: %w", path, commit, err)
	}
	archive := filepath.Join(dir, "source.tar")
	if out, err := exec.CommandContext(ctx, "git", "-C", root, "archive", "--output="+archive, commit).CombinedOutput(); err != nil {
		return "", fmt.Errorf("read source of %s: %w: %w: %s", commit, ErrNoCommit, err, out)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpack source of %s: %w\n%s", commit, err, out)
	}
	return build(ctx, filepath.Join(source, path), filepath.Join(dir, filepath.Base(path)+"-"+commit))
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
