package clients

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// npmWait bounds the installation: a registry that cannot be reached must not hold
// a test up for ever.
const npmWait = 5 * time.Minute

// npm returns the program node and a folder with the libraries that the lock file
// in folder names. They are installed once, into the user's cache.
func npm(ctx context.Context, folder string) (node, libraries string, err error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", "", fmt.Errorf("%s: %w: install the Debian packages nodejs and npm", program, ErrMissing)
		}
	}
	node, _ = exec.LookPath("node") // found above
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return "", "", fmt.Errorf("install libraries of Node.js: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", fmt.Errorf("install libraries of Node.js: %w", err)
	}
	sum := sha256.Sum256(lock)
	libraries = filepath.Join(cache, "pingd-test", "npm-"+hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(libraries, 0o750); err != nil {
		return "", "", fmt.Errorf("install libraries of Node.js: %w", err)
	}
	// Another test may be installing at this moment.
	guard, err := os.OpenFile(filepath.Join(libraries, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", "", fmt.Errorf("install libraries of Node.js: %w", err)
	}
	defer guard.Close()
	if err := syscall.Flock(int(guard.Fd()), syscall.LOCK_EX); err != nil {
		return "", "", fmt.Errorf("install libraries of Node.js: %w", err)
	}
	done := filepath.Join(libraries, ".done")
	if _, err := os.Stat(done); err == nil {
		return node, libraries, nil
	}
	if err := install(ctx, folder, libraries); err != nil {
		return "", "", err
	}
	return node, libraries, os.WriteFile(done, nil, 0o600)
}

// older reports whether this Node.js is older than the newest libraries want.
func older(ctx context.Context, node string) (bool, error) {
	out, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return false, fmt.Errorf("ask Node.js for its version: %w", err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "v%d.", &major); err != nil {
		return false, fmt.Errorf("read version %q of Node.js: %w", out, err)
	}
	return major < 20, nil
}

func install(ctx context.Context, folder, libraries string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(libraries, name), b, 0o600)
		}
		if err != nil {
			return fmt.Errorf("install libraries of Node.js: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, npmWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = libraries
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w: %w (its registry must be reachable)\n%s", ErrMissing, err, strings.TrimSpace(string(out)))
	}
	return nil
}
