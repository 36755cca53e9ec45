package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// edit is one place of a source file that is to read otherwise.
type edit struct{ file, old, new string }

// exactRuntime makes Go's scheduler do the same again: what it draws in a bubble
// (select, the order of maps, math/rand/v2) comes from a fixed source, hashes have a
// fixed key, and a goroutine is not interrupted because real time passes. With one
// processor and no garbage collection a seed then runs the same way each time.
var exactRuntime = []edit{
	{"runtime/rand.go", "	globalRand.state.Init(*seed)\n", "	clear(seed[:])\n	seed[0] = 1\n	globalRand.state.Init(*seed)\n"},
	{"runtime/rand.go", "func rand() uint64 {\n", "func rand() uint64 {\n	if getg().bubble != nil {\n		return exactNext()\n	}\n"},
	{"runtime/rand.go", "func cheaprand() uint32 {\n", "func cheaprand() uint32 {\n	if getg().bubble != nil {\n		return uint32(exactNext() >> 32)\n	}\n"},
	{"runtime/rand.go", "// rand32 is", `var exactState uint64

//go:nosplit
func exactNext() uint64 {
	exactState += 0x9e3779b97f4a7c15
	z := exactState
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// rand32 is`},
	{"runtime/proc.go", "const forcePreemptNS = 10 * 1000 * 1000 // 10ms", "const forcePreemptNS = 1 << 60"},
}

// overlay writes edited copies of files, named relative to root, into dir and returns
// the argument that makes the go command build with them.
func overlay(dir, root string, edits ...edit) (string, error) {
	text := map[string]string{}
	for _, e := range edits {
		path := filepath.Join(root, e.file)
		if _, ok := text[path]; !ok {
			b, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			text[path] = string(b)
		}
		if n := strings.Count(text[path], e.old); n != 1 {
			return "", fmt.Errorf("%s holds the text to replace %d times, want once: %q", e.file, n, e.old)
		}
		text[path] = strings.Replace(text[path], e.old, e.new, 1)
	}
	replace := map[string]string{}
	for path, s := range text {
		copied := filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "_"))
		if err := os.WriteFile(copied, []byte(s), 0o600); err != nil {
			return "", err
		}
		replace[path] = copied
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	return "-overlay=" + list, os.WriteFile(list, b, 0o600)
}

// build compiles this package's tests with edits of the runtime and of the house and
// returns the binary.
func build(dir string, exact bool, house ...edit) (string, error) {
	var all []edit
	for _, e := range house {
		e.file = filepath.Join("..", "..", "..", e.file)
		all = append(all, e)
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for i := range all {
		all[i].file = filepath.Join(here, all[i].file)
	}
	if exact {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return "", err
		}
		for _, e := range exactRuntime {
			e.file = filepath.Join(strings.TrimSpace(string(root)), "src", e.file)
			all = append(all, e)
		}
	}
	args := []string{"test", "-c", "-o", filepath.Join(dir, "sim.test")}
	if len(all) > 0 {
		arg, err := overlay(dir, "/", all...)
		if err != nil {
			return "", err
		}
		args = append(args, arg)
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the simulation: %w\n%s", err, out)
	}
	return filepath.Join(dir, "sim.test"), nil
}

// runOnce runs one seed in a process of its own.
func runOnce(binary string, seed uint64, more ...string) (out string, failed bool, err error) {
	args := append([]string{"-test.run=^TestSeeds$", "-test.timeout=10m", "-sim.here", fmt.Sprintf("-sim.seed=%d", seed)}, more...)
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=3GiB", "GODEBUG=asyncpreemptoff=1")
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(b), true, nil
	}
	return string(b), false, err
}
