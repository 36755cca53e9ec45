package integration

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// arrows is every import that one package of the house may make of another: a
// folder stands for itself and all below it. What is not listed is refused.
var arrows = map[string][]string{
	"cmd/pingd":   {"cmd/pingd", "proxy", "kv", "kv/backup", "kv/engine", "kv/replica", "kv/client", "counter", "sentinel", "monitor"},
	"integration": {"integration", "kv", "kv/client", "monitor"},
	"proxy":       {"proxy"},
	"counter":     {},
	"sentinel":    {"kv/resp"},
	"monitor":     {"monitor"},
	"kv":          {"kv/client", "kv/engine", "kv/replica", "kv/resp", "kv/server"},
	"kv/backup":   {"kv/engine", "kv/rdb"},
	"kv/client":   {"kv/client", "kv/resp"},
	"kv/engine":   {"kv/engine", "kv/rdb", "kv/resp"},
	"kv/rdb":      {},
	"kv/replica":  {"kv/engine", "kv/replica"},
	"kv/resp":     {"kv/resp"},
	"kv/server":   {"kv/backup", "kv/engine", "kv/replica", "kv/resp", "kv/server"},
}

// keepers names the packages that alone may import a library.
var keepers = map[string][]string{
	"github.com/hashicorp/raft":  {"kv/replica"},
	"go.etcd.io/bbolt":           {"kv/replica", "monitor/history"},
	"github.com/shirou/gopsutil": {"monitor"},
	"github.com/alecthomas/kong": {"cmd/pingd", "integration"},
	"github.com/gomodule/redigo": {"kv/client"},
	"github.com/redis/go-redis":  {}, // tests only: its size in the binary is 8 MB
	"github.com/tidwall/redcon":  {"kv/resp"},
	"math/rand":                  {"proxy", "kv/replica", "kv/client", "kv/server", "counter", "monitor", "sentinel", "cmd/pingd", "integration"},
}

// vague are package names that say nothing.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "misc"}

type listed struct {
	ImportPath, Name string
	Imports          []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(out); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages, expected the whole house", len(all))
	}
	return all
}

// room returns the longest key of arrows that folder is in.
func room(folder string) string {
	for f := folder; f != ""; {
		if _, ok := arrows[f]; ok {
			return f
		}
		i := strings.LastIndexByte(f, '/')
		if i < 0 {
			return ""
		}
		f = f[:i]
	}
	return ""
}

func in(folder, of string) bool { return folder == of || strings.HasPrefix(folder, of+"/") }

func TestArrowsBetweenPackages(t *testing.T) {
	for _, p := range packages(t) {
		from, ok := strings.CutPrefix(p.ImportPath, "pingd/")
		if !ok {
			t.Errorf("package %s stands outside the house", p.ImportPath)
			continue
		}
		at := room(from)
		if at == "" {
			t.Errorf("package %s is in no room of the house", from)
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, "pingd/")
			if ours && !allowed(at, to) {
				t.Errorf("%s imports %s: not an arrow of the house", from, to)
			}
			for lib, who := range keepers {
				if in(imp, lib) && !anyIn(from, who) {
					t.Errorf("%s imports %s: only %v may", from, imp, who)
				}
			}
		}
		for _, v := range vague {
			if p.Name == v {
				t.Errorf("package %s has a name that says nothing", from)
			}
		}
	}
}

// allowed tells whether a package in room at may import folder to: the target's
// own room must be listed, so that "kv" does not open "kv/replica".
func allowed(at, to string) bool {
	for _, a := range arrows[at] {
		if room(to) == a || (at == a && in(to, a)) {
			return true
		}
	}
	return false
}

func anyIn(folder string, of []string) bool {
	for _, o := range of {
		if in(folder, o) {
			return true
		}
	}
	return false
}
