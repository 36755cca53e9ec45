package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// from returns sources over files in memory.
func from(files map[string]string, environ ...string) Sources {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	}
	return Sources{
		Environ: environ, ReadFile: fsys.ReadFile, Stat: fsys.Stat,
		HostName: func() (string, error) { return "host1", nil },
	}
}

func TestFlagBeforeVariableBeforeFileBeforeDefault(t *testing.T) {
	files := map[string]string{"pingd.conf": "check-rise = 7\ncheck-fall = 7\nproxy-retries = 7\n"}
	l := Load([]string{"--config=pingd.conf", "--check-rise=9"}, from(files, "PINGD_CHECK_RISE=8", "PINGD_CHECK_FALL=8"))
	if len(l.Problems) > 0 {
		t.Fatal(l.Problems)
	}
	o := l.Options
	got := [4]int{o.CheckRise, o.CheckFall, o.ProxyRetries, o.ProxyMaxconn}
	if want := [4]int{9, 8, 7, 10000}; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	for flag, want := range map[string]string{"check-rise": "flag", "check-fall": "PINGD_CHECK_FALL", "proxy-retries": "pingd.conf:3"} {
		if got := o.Given[flag].String(); got != want {
			t.Errorf("%s came from %q, want %q", flag, got, want)
		}
	}
	if _, ok := o.Given["proxy-maxconn"]; ok {
		t.Error("a default is not given by anybody")
	}
}

func TestLists(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		environ []string
		file    string
		want    []string
	}{
		{name: "flags", args: []string{"--backend=a:1 check=/x,y", "--backend", "b:2"}, want: []string{"a:1 check=/x,y", "b:2"}},
		{name: "variable", environ: []string{"PINGD_BACKEND=a:1 weight=2, b:2,"}, want: []string{"a:1 weight=2", "b:2"}},
		{name: "file", file: "backend = a:1 check=/x,y\nbackend = b:2", want: []string{"a:1 check=/x,y", "b:2"}},
		{name: "flags take the place of the file's", args: []string{"--backend=c:3"}, file: "backend = a:1", want: []string{"c:3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := Load(append(tt.args, "--config=f"), from(map[string]string{"f": tt.file}, tt.environ...))
			if len(l.Problems) > 0 {
				t.Fatal(l.Problems)
			}
			if !reflect.DeepEqual(l.Options.Backend, tt.want) {
				t.Errorf("got %q, want %q", l.Options.Backend, tt.want)
			}
		})
	}
	l := Load([]string{"--join=h1, h2:7", "--join", "h3"}, from(nil))
	if want := []string{"h1:6379", "h2:7", "h3:6379"}; !reflect.DeepEqual(l.Options.JoinAddrs(), want) {
		t.Errorf("join: got %q, want %q", l.Options.JoinAddrs(), want)
	}
}

func TestLoadMistakes(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		environ []string
		files   map[string]string
		want    []string // in the problems' texts, in this order
	}{
		{"unknown flag", []string{"--raft-adr=:1"}, nil, nil, []string{"--raft-adr=:1: unknown flag\nhint: --raft-addr=:1"}},
		{"unknown flag and its value", []string{"--redis-adress", "7"}, nil, nil, []string{"--redis-adress: unknown flag\nhint: --redis-addr=7"}},
		{"underscores", []string{"--raft_addr=:1"}, nil, nil, []string{"hint: --raft-addr=:1"}},
		{"nothing like it", []string{"--xyzzy"}, nil, nil, []string{"--xyzzy: unknown flag\nhint: pingd --help"}},
		{"one dash", []string{"-name=a"}, nil, nil, []string{"-name=a: unknown flag\nhint: --name=a"}},
		{"no value", []string{"--name"}, nil, nil, []string{"--name: needs a value"}},
		{"a flag for a value", []string{"--name", "--insecure"}, nil, nil, []string{"--name: needs a value"}},
		{"word", []string{"stauts"}, nil, nil, []string{"stauts: is no command\nhint: pingd status"}},
		{"role as a word", []string{"store"}, nil, nil, []string{"store: is no command\nhint: pingd --role=store"}},
		{"argument too many", []string{"version", "x"}, nil, nil, []string{"pingd version takes no such argument"}},
		{"argument missing", []string{"remove"}, nil, nil, []string{"pingd remove: needs NAME"}},
		{"one of two arguments missing", []string{"replace", "s3"}, nil, nil, []string{"pingd replace: needs NEW\nhint: pingd replace s3 s4"}},
		{"replaced by itself", []string{"replace", "s3", "s3"}, nil, nil, []string{"pingd replace s3 s3: names one node twice"}},
		{"flag of a command", []string{"--json", "status"}, nil, nil, []string{"--json: unknown flag"}},
		{"role's flag with a command", []string{"status", "--proxy-addr=:1"}, nil, nil, []string{"--proxy-addr: says nothing to the command status"}},
		{"duration", []string{"--check-interval=2"}, nil, nil, []string{"--check-interval=2: must be a time with its unit, such as 150ms, 2s or 1m30s\nhint: --check-interval=2s"}},
		{"number", nil, []string{"PINGD_CHECK_RISE=two"}, nil, []string{"PINGD_CHECK_RISE=two: must be a whole number\nhint: PINGD_CHECK_RISE=2"}},
		{"bool", []string{"--insecure=perhaps"}, nil, nil, []string{"--insecure=perhaps: must be true or false"}},
		{"no file", []string{"--config=none"}, nil, nil, []string{"--config=none: there is no such file"}},
		{"unknown key", []string{"--config=f"}, nil, map[string]string{"f": "\nprox-addr = :1\n"}, []string{"f:2: prox-addr = :1: unknown setting\nhint: proxy-addr = :1"}},
		{"key twice", []string{"--config=f"}, nil, map[string]string{"f": "name = a\nname = b"}, []string{"f:2: name = b: is set twice"}},
		{"file in a file", nil, []string{"PINGD_CONFIG=f"}, map[string]string{"f": "config = g"}, []string{"cannot stand in a file"}},
		{"value in a file", []string{"--config=f"}, nil, map[string]string{"f": "check-fall = many"}, []string{"f:1: check-fall = many: must be a whole number\nhint: f:1: check-fall = 5"}},
		{"no secret file", []string{"--secret-file=none"}, nil, nil, []string{"--secret-file=none: there is no such file\nhint: (umask 077;"}},
		{"empty secret file", []string{"--secret-file=f"}, nil, map[string]string{"f": " \n"}, []string{"--secret-file=f: the file is empty"}},
		{"empty secret", nil, []string{"PINGD_SECRET= "}, nil, []string{"PINGD_SECRET: holds white space only"}},
		{"two secrets", nil, []string{"PINGD_SECRET=a", "PINGD_SECRET_FILE=f"}, map[string]string{"f": "b"}, []string{"PINGD_SECRET: is set beside PINGD_SECRET_FILE"}},
		{"several at once", []string{"--bogus", "--check-rise=x", "--proxy-addr=8080"}, []string{"PINGD_LOG_LEVEL=loud"}, nil, []string{"--bogus", "--check-rise=x", "PINGD_LOG_LEVEL=loud", "--proxy-addr=8080"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := Load(tt.args, from(tt.files, tt.environ...))
			if len(l.Problems) != len(tt.want) {
				t.Fatalf("got %d problems, want %d: %v", len(l.Problems), len(tt.want), l.Problems)
			}
			for i, want := range tt.want {
				if got := l.Problems[i].Error(); !strings.Contains(got, want) {
					t.Errorf("problem %d: got %q\nwant %q in it", i, got, want)
				}
			}
		})
	}
}

func TestUnreadableFile(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "f", Err: fs.ErrPermission}, "may not be read by this user"},
		{errors.New("is a directory"), "is a directory"},
	} {
		src := from(nil)
		src.ReadFile = func(string) ([]byte, error) { return nil, tt.err }
		l := Load([]string{"--config=f"}, src)
		if len(l.Problems) != 1 || !strings.Contains(l.Problems[0].Error(), tt.want) {
			t.Errorf("got %v, want %q", l.Problems, tt.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	l := Load(nil, from(nil,
		// What Kubernetes injects for a Service named pingd, and one named pingd-store.
		"PINGD_PORT=tcp://10.0.0.1:8080", "PINGD_SERVICE_HOST=10.0.0.1", "PINGD_SERVICE_PORT=8080", "PINGD_SERVICE_PORT_HTTP=8080",
		"PINGD_PORT_8080_TCP=tcp://10.0.0.1:8080", "PINGD_PORT_8080_TCP_PROTO=tcp", "PINGD_PORT_8080_TCP_PORT=8080", "PINGD_PORT_8080_TCP_ADDR=10.0.0.1",
		"PINGD_STORE_PORT=tcp://10.0.0.2:6379", "PINGD_STORE_SERVICE_HOST=10.0.0.2",
		"PINGD_TEST_ALL=1", "PINGD_NAME=", "PINGDX=1", "OTHER=1", "noequals",
		"PINGD_PROXY_ADR=:1", "PINGD_XYZZY=1", "PINGD_INSECURE=yes", "HOST_PROC=/host/proc",
	))
	if len(l.Problems) > 0 {
		t.Fatal(l.Problems)
	}
	want := []string{
		"environment variable PINGD_PROXY_ADR is no setting of pingd; did you mean PINGD_PROXY_ADDR?",
		"environment variable PINGD_XYZZY is no setting of pingd",
	}
	if !reflect.DeepEqual(l.Warnings, want) {
		t.Errorf("warnings: got %q, want %q", l.Warnings, want)
	}
	o := l.Options
	if o.Name != "host1" || !o.Insecure || o.MonitorProc != "/host/proc" || o.MonitorSys != "/sys" {
		t.Errorf("got name %q, insecure %v, proc %q, sys %q", o.Name, o.Insecure, o.MonitorProc, o.MonitorSys)
	}
}

func TestNoFlagTakesAnInjectedName(t *testing.T) {
	for _, name := range newModel(&grammar{}).names() {
		if injected.MatchString(envName(name)) {
			t.Errorf("--%s: Kubernetes may set %s", name, envName(name))
		}
	}
}

func TestSecret(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		environ []string
		want    string
	}{
		{"file", []string{"--secret-file=f"}, nil, "of the file"},
		{"variable", nil, []string{"PINGD_SECRET=of the variable"}, "of the variable"},
		{"flag before variable", []string{"--secret-file=f"}, []string{"PINGD_SECRET=of the variable"}, "of the file"},
		{"variable before the configuration's file", []string{"--config=c"}, []string{"PINGD_SECRET=of the variable"}, "of the variable"},
		{"file named by a variable", nil, []string{"PINGD_SECRET_FILE=f"}, "of the file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := Load(tt.args, from(map[string]string{"f": " of the file\n", "c": "secret-file = f"}, tt.environ...))
			if len(l.Problems) > 0 {
				t.Fatal(l.Problems)
			}
			if got := l.Options.Secret.Reveal(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSecretFileThatEverybodyReads(t *testing.T) {
	name := t.TempDir() + "/secret"
	if err := os.WriteFile(name, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	src := Sources{ReadFile: os.ReadFile, Stat: os.Stat}
	if l := Load([]string{"--name=a", "--secret-file=" + name}, src); l.Warnings != nil {
		t.Errorf("got warnings %q", l.Warnings)
	}
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	l := Load([]string{"--name=a", "--secret-file=" + name}, src)
	if len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "chmod o-r "+name) {
		t.Errorf("got warnings %q", l.Warnings)
	}
}

func TestCommands(t *testing.T) {
	tests := []struct {
		args []string
		want Command
	}{
		{nil, Command{}},
		{[]string{"version"}, Command{Name: "version"}},
		{[]string{"--join", "h1", "status", "--json"}, Command{Name: "status", JSON: true}},
		{[]string{"members"}, Command{Name: "members"}},
		{[]string{"remove", "s1", "--join=h1"}, Command{Name: "remove", Node: "s1"}},
		{[]string{"replace", "s3", "s4"}, Command{Name: "replace", Node: "s3", By: "s4"}},
		{[]string{"transfer"}, Command{Name: "transfer"}},
		{[]string{"transfer", "s2"}, Command{Name: "transfer", Node: "s2"}},
		{[]string{"health", "--admin-addr=:1"}, Command{Name: "health"}},
		{[]string{"backup", "b"}, Command{Name: "backup", Path: "b", Format: FormatPingd}},
		{[]string{"backup", "-", "--format", "rdb", "--stale"}, Command{Name: "backup", Path: "-", Format: FormatRDB, Stale: true}},
		{[]string{"restore", "b", "--join=h1"}, Command{Name: "restore", Path: "b"}},
		{[]string{"restore", "--merge", "--dry-run", "-"}, Command{Name: "restore", Path: "-", Merge: true, DryRun: true}},
		{[]string{"restore", "--replace", "--skip-unsupported", "b"}, Command{Name: "restore", Path: "b", Replace: true, SkipUnsupported: true}},
		{[]string{"recover"}, Command{Name: "recover"}},
		{[]string{"recover", "--name=n1", "--confirm=n1"}, Command{Name: "recover", Confirm: "n1"}},
		{[]string{"check", "d"}, Command{Name: "check", Path: "d"}},
	}
	for _, tt := range tests {
		l := Load(tt.args, from(nil, "PINGD_BIND=0.0.0.0"))
		if len(tt.args) == 0 {
			l = Load(tt.args, from(nil))
		}
		if len(l.Problems) > 0 || l.Options.Command != tt.want {
			t.Errorf("%q: got %+v %v, want %+v", tt.args, l.Options.Command, l.Problems, tt.want)
		}
	}
}

func TestCheckTimeoutFollowsItsInterval(t *testing.T) {
	if o := valid(t, "--check-interval=500ms"); o.CheckTimeout != 500*time.Millisecond {
		t.Errorf("got %v, want that of the interval", o.CheckTimeout)
	}
}

func TestPrintedSettingsAreAFile(t *testing.T) {
	args := []string{
		"--name=n1", "--join=h1,h2:7", "--backend=a:1 weight=2 check=/x,y", "--backend=b:2", "--check-interval=1m30s",
		"--insecure", "--bind=0.0.0.0", "--counter-key=a#b", "--expect=3", "--secret-file=f",
	}
	src := from(map[string]string{"f": "hush"})
	l := Load(args, src)
	if len(l.Problems) > 0 {
		t.Fatal(l.Problems)
	}
	first := l.Options
	var text bytes.Buffer
	Print(&text, first)
	if strings.Contains(text.String(), "hush") || !strings.Contains(text.String(), "# secret: set") {
		t.Errorf("the secret must show as set, and only so:\n%s", &text)
	}
	l = Load([]string{"--config=c"}, from(map[string]string{"c": text.String(), "f": "hush"}))
	if len(l.Problems) > 0 {
		t.Fatalf("%v in\n%s", l.Problems, &text)
	}
	first.Given, l.Options.Given = nil, nil
	first.Config, l.Options.Config = "", ""
	if !reflect.DeepEqual(first, l.Options) {
		t.Errorf("got %+v\nwant %+v", l.Options, first)
	}
}

func TestPrintLeavesOutRolesThatAreNotStarted(t *testing.T) {
	var text bytes.Buffer
	Print(&text, valid(t, "--role=monitor"))
	if strings.Contains(text.String(), "proxy-addr") || !strings.Contains(text.String(), "monitor-proc = /proc") {
		t.Errorf("got\n%s", &text)
	}
}

func FuzzLoad(f *testing.F) {
	for _, args := range []string{"", "status --json", "--name a --join=h1", "--backend=a:1 -x --=", "remove", "-- a", "--check-rise= --insecure=", "help"} {
		f.Add(args, "PINGD_EXPECT=3", "name = a")
	}
	f.Fuzz(func(t *testing.T, args, variable, file string) {
		l := Load(append([]string{"--config=c"}, strings.Fields(args)...), from(map[string]string{"c": file}, variable))
		if len(l.Problems) == 0 && l.Help == "" {
			if p := Validate(l.Options); p != nil {
				t.Errorf("loaded without a problem, then: %v", p)
			}
		}
		for _, p := range l.Problems {
			if p.Rule == "" || p.Hint == "" || strings.Count(p.Error(), "\n") != 1 {
				t.Errorf("problem %q", p)
			}
		}
	})
}
