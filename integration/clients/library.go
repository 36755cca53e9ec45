package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"pingd/integration/procs"
)

// Library is one client library, ready to run.
type Library struct {
	Name string // go-redis, redis-py ...
	path string
	args []string
	env  []string

	version atomic.Value // string
}

// Version returns the library's version as its program last told it: "" before it
// ran.
func (l *Library) Version() string {
	version, _ := l.version.Load().(string)
	return version
}

// Target is what a library connects to.
type Target struct {
	Sentinels []string // host:port
	Master    string   // Sentinel's name for the group
	Password  string   // of Sentinels and servers; empty = none
}

// ErrMissing says that a library's program is not on this machine; the text says
// what to install.
var ErrMissing = errors.New("not on this machine")

// Names returns the libraries in the order of tables. Find also knows ioredis-5 and
// node-redis-5, the versions before.
func Names() []string {
	return []string{"go-redis", "rueidis", "redigo", "redis-py", "ioredis", "node-redis"}
}

// DebianPython is the interpreter that sees Debian's packages, whatever else is
// installed.
const DebianPython = "/usr/bin/python3"

// Find makes a library ready to run; programs that must be built go below dir. Its
// error wraps ErrMissing when something has to be installed first.
func Find(ctx context.Context, dir, name string) (*Library, error) {
	root, err := procs.ModuleRoot(ctx)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(root, "integration", "clients")
	switch name {
	case "go-redis", "rueidis", "redigo":
		program := map[string]string{"go-redis": "goredis"}[name]
		if program == "" {
			program = name
		}
		path, err := procs.Build(ctx, dir, "integration/clients/golang/"+program)
		return &Library{Name: name, path: path}, err
	case "redis-py":
		if err := exec.CommandContext(ctx, DebianPython, "-c", "import redis.sentinel").Run(); err != nil {
			return nil, fmt.Errorf("redis-py: %w: install the Debian package python3-redis", ErrMissing)
		}
		return &Library{Name: name, path: DebianPython, args: []string{filepath.Join(folder, "python", "redispy.py")}}, nil
	}
	return findNode(ctx, filepath.Join(folder, "node"), name)
}

func findNode(ctx context.Context, folder, name string) (*Library, error) {
	example, ok := map[string]struct{ script, module string }{
		"ioredis": {"ioredis.mjs", "ioredis"}, "ioredis-5": {"ioredis.mjs", "ioredis5"},
		"node-redis": {"noderedis.mjs", "redis"}, "node-redis-5": {"noderedis.mjs", "redis5"},
	}[name]
	if !ok {
		return nil, fmt.Errorf("no library is called %q", name)
	}
	node, libraries, err := npm(ctx, folder)
	if err != nil {
		return nil, err
	}
	if old, err := older(ctx, node); err != nil {
		return nil, err
	} else if old && !strings.HasSuffix(example.module, "5") {
		example.module += "5" // the newest ones need a newer Node.js
	}
	return &Library{
		Name: name, path: node, args: []string{filepath.Join(folder, example.script)},
		env: []string{"NODE_LIBRARIES=" + libraries, "LIBRARY=" + example.module},
	}, nil
}

// command returns the library's program in a mode.
func (l *Library) command(ctx context.Context, mode string, to Target, key string) *exec.Cmd {
	args := append([]string{}, l.args...)
	args = append(args, mode, join(to.Sentinels), to.Master, to.Password, key)
	cmd := exec.CommandContext(ctx, l.path, args...)
	cmd.Env = append(os.Environ(), l.env...)
	cmd.WaitDelay = killWait
	return cmd
}
