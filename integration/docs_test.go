package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pingd/cmd/pingd/config"
	"pingd/monitor/alert"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	block = regexp.MustCompile("(?s)```(?:sh|console)\n(.*?)```")
	begin = regexp.MustCompile(`(?m)^(?:\$ )?pingd( --.*)?$`)
)

// What documents tell people to start is taken as it stands.
func TestCommandsInDocumentsAreValid(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "pingd.secret")
	if err := os.WriteFile(secret, []byte("c2VjcmV0IG9mIHRoZSBkb2N1bWVudHM=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "docs/operations.md", "docs/migration.md", "docs/proxy.md"} {
		var found int
		for _, b := range block.FindAllStringSubmatch(document(t, name), -1) {
			for _, line := range begin.FindAllStringSubmatch(b[1], -1) {
				args := strings.ReplaceAll(line[1], "/etc/pingd.secret", secret)
				if strings.Contains(args, "--config") || strings.Contains(args, "--check ") {
					continue // its file is another test's; it shows a mistake
				}
				found++
				// A shell, for the quotes and comments.
				words, err := exec.CommandContext(within(t), "sh", "-c", `printf '%s\0' `+args).Output()
				if err != nil {
					t.Fatal(err)
				}
				loaded := config.Load(strings.Split(strings.Trim(string(words), "\x00"), "\x00"), config.Sources{ReadFile: os.ReadFile, Stat: os.Stat, HostName: os.Hostname})
				if len(loaded.Problems) > 0 {
					t.Errorf("%s: pingd%s: %v", name, line[1], loaded.Problems)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: no command found", name)
		}
	}
}

// Every flag that the guides name for something else's setting exists.
func TestFlagsInTheMigrationGuideExist(t *testing.T) {
	help := command(t, 0, "--help")
	flag := regexp.MustCompile("`[^`]*?(--[a-z][a-z-]+)")
	var found int
	for line := range strings.Lines(document(t, "docs/migration.md")) {
		cells := strings.Split(line, " | ")
		if len(cells) < 2 || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, code := range regexp.MustCompile("`[^`]*`").FindAllString(cells[len(cells)-1], -1) {
			if strings.Contains(code, "docker") {
				continue
			}
			for _, f := range flag.FindAllStringSubmatch(code, -1) {
				found++
				if !regexp.MustCompile(regexp.QuoteMeta(f[1]) + `[= \n]`).MatchString(help) {
					t.Errorf("%s is no flag: %s", f[1], line)
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d flags found", found)
	}
}

// The operations guide says of every alert what to do, and of no other.
func TestEveryAlertIsExplained(t *testing.T) {
	_, rest, _ := strings.Cut(document(t, "docs/operations.md"), "\n## Every alert")
	text, _, _ := strings.Cut(rest, "\n## ")
	explained := map[string]bool{}
	for line := range strings.Lines(text) {
		if first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.HasPrefix(line, "| `") {
			for name := range strings.SplitSeq(first, ", ") {
				explained[strings.Trim(name, "`")] = true
			}
		}
	}
	for _, r := range alert.Defaults() {
		if !explained[r.Name] {
			t.Errorf("docs/operations.md does not explain %s", r.Name)
		}
		delete(explained, r.Name)
	}
	for name := range explained {
		t.Errorf("docs/operations.md explains %s, which is no alert", name)
	}
}
