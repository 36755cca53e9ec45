package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pingd/cmd/pingd/config/shell"
)

// scriptOf returns a shell's path and a file with its completion script.
func scriptOf(t *testing.T, name string) (path, script string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatalf("%s: install the Debian package %[1]s", name)
		}
		t.Skipf("%s: install the Debian package %[1]s", name)
	}
	script = filepath.Join(t.TempDir(), "_pingd")
	if err := os.WriteFile(script, []byte(Completion(name)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, script
}

// output runs a command without the user's own settings and returns its lines.
func output(t *testing.T, path string, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(cmd.Dir, "a.conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(cmd.Dir, "a.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	return strings.Fields(string(out))
}

// completions is what a user types, and what must, and must not, be offered.
var completions = []struct {
	typed  []string // the last one is not finished
	some   []string
	never  string
	exact  bool // nothing but some
	static bool // only bash: the words as readline cuts them
}{
	{typed: []string{"ba"}, some: []string{"backup"}, exact: true},
	{typed: []string{""}, some: []string{"status", "completion", "health"}, never: "start"},
	{typed: []string{"--che"}, some: []string{"--check-rise", "--check"}, never: "--role"},
	{typed: []string{"--role", "st"}, some: []string{"store"}, exact: true},
	{typed: []string{"--role", "=", "store,p"}, some: []string{"store,proxy"}, exact: true, static: true},
	{typed: []string{"--log-level", ""}, some: []string{"debug", "info", "warn", "error"}, never: "status"},
	{typed: []string{"--log-level", "="}, some: []string{"debug", "info", "warn", "error"}, never: "status", static: true},
	{typed: []string{"--insecure", "sta"}, some: []string{"status"}, exact: true},
	{typed: []string{"--config", "a"}, some: []string{"a.conf"}},
	{typed: []string{"--data", "a"}, some: []string{"a.d"}, never: "a.conf"},
	{typed: []string{"backup", "--f"}, some: []string{"--format"}, exact: true},
	{typed: []string{"backup", "--format", ""}, some: []string{"pingd", "rdb"}, never: "--stale"},
	{typed: []string{"restore", "a.c"}, some: []string{"a.conf"}, exact: true},
	{typed: []string{"status", "--"}, some: []string{"--json", "--join"}, never: "--check-rise"},
	{typed: []string{"completion", ""}, some: Shells(), never: "status"},
}

func TestBashCompletes(t *testing.T) {
	path, script := scriptOf(t, "bash")
	const run = `source "$1"; shift; COMP_WORDS=(pingd "$@"); COMP_CWORD=$#; _pingd; printf '%s\n' "${COMPREPLY[@]}"`
	for _, tc := range completions {
		got := output(t, path, append([]string{"--norc", "-c", run, "bash", script}, tc.typed...)...)
		for i := range got {
			got[i] = strings.TrimSuffix(got[i], "=")
		}
		judge(t, "bash", tc.typed, got, tc.some, tc.never, tc.exact)
	}
}

func TestFishCompletes(t *testing.T) {
	path, script := scriptOf(t, "fish")
	for _, tc := range completions {
		if tc.static {
			continue
		}
		line := strings.Join(append([]string{"pingd"}, tc.typed...), " ")
		got := output(t, path, "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string replace -r '\t.*' '' | string trim -r -c /; true`, script, line)
		for i := range got {
			got[i] = strings.TrimSuffix(got[i], "=")
		}
		judge(t, "fish", tc.typed, got, tc.some, tc.never, tc.exact)
	}
}

func judge(t *testing.T, shell string, typed, got, some []string, never string, exact bool) {
	t.Helper()
	for _, want := range some {
		if !slices.Contains(got, want) {
			t.Errorf("%s: %q offers %q, without %s", shell, typed, got, want)
		}
	}
	if exact && len(got) != len(some) || never != "" && slices.Contains(got, never) {
		t.Errorf("%s: %q offers %q", shell, typed, got)
	}
}

// zsh completes in a terminal only; that it takes the script, with every flag
// quoted as _arguments needs it, is tested here.
func TestZshTakesTheScript(t *testing.T) {
	path, script := scriptOf(t, "zsh")
	const run = `autoload -Uz compinit; compinit -u -D; source $1; print -r -- $_comps[pingd]
_arguments() { print -rl -- "$@"; }; state=; _pingd; words=(backup); state=argument; _pingd`
	got := strings.Join(output(t, path, "-f", "-c", run, "zsh", script), " ")
	for _, want := range []string{
		"_pingd -C --help[", // registered, and asked
		`--role=[What to start\: any of store, proxy, counter, sentinel, monitor, or all]:role:_values -s , role store proxy`,
		"--insecure[Let Redis, Raft, Sentinel and admin listen beyond loopback without a secret or client certificates]",
		`--backend=[A server of your own, repeatable\: "host\:port \[weight=N\] \[check=/path\]"]:backend:`,
		"--data=[Directory for all durable state]:data:_files -/",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

// The words offered are those that are valid, all of them.
func TestOfferedValuesAreValid(t *testing.T) {
	for _, f := range newModel(&grammar{}).settings() {
		words, _, _ := shell.Values(f)
		for _, w := range append(words, "nonsense") {
			if len(words) == 0 {
				continue
			}
			args := []string{"--" + f.Name + "=" + w, "--name=n"}
			switch f.Name {
			case "role":
				args = append(args, "--join=h1")
			case "tls-auth-clients":
				args = append(args, "--tls-cert=n.crt", "--tls-key=n.key", "--tls-ca=ca.crt")
			}
			problems := Load(args, Sources{}).Problems
			if (len(problems) == 0) != (w != "nonsense") {
				t.Errorf("--%s=%s: %v", f.Name, w, problems)
			}
		}
	}
	if Completion("tcsh") != "" {
		t.Error("a script for a shell we do not know")
	}
}
