package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
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

// documents are all that people read, by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names := []string{"README.md"}
	for _, pattern := range []string{"../docs/*.md", "../docs/decisions/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			names = append(names, strings.TrimPrefix(filepath.ToSlash(name), "../"))
		}
	}
	texts := map[string]string{}
	for _, name := range names {
		texts[name] = document(t, name)
	}
	if len(texts) < 15 {
		t.Fatalf("only %d documents found", len(texts))
	}
	return texts
}

var (
	block = regexp.MustCompile("(?s)```(sh|console)\n(.*?)```")
	begin = regexp.MustCompile(`(?m)^((?:\$ )?)pingd( .*)?$`)
	chain = regexp.MustCompile(` (?:\||&&|>) `)
)

// What documents tell people to type is taken as it stands: what starts processes,
// and every subcommand.
func TestCommandsInDocumentsAreValid(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "pingd.secret")
	if err := os.WriteFile(secret, []byte("c2VjcmV0IG9mIHRoZSBkb2N1bWVudHM=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	type command struct{ document, line string }
	var commands []command
	var script strings.Builder
	for name, text := range documents(t) {
		for _, b := range block.FindAllStringSubmatch(text, -1) {
			for _, line := range begin.FindAllStringSubmatch(b[2], -1) {
				if b[1] == "console" && line[1] == "" {
					continue // what was printed
				}
				args := chain.Split(strings.ReplaceAll(line[2], "/etc/pingd.secret", secret), 2)[0]
				if strings.Contains(args, "--config") || strings.Contains(args, "--check ") {
					continue // its file is another test's; it shows a mistake
				}
				commands = append(commands, command{name, line[0]})
				fmt.Fprintf(&script, "printf '%%s\\0' %s\nprintf '\\n'\n", args)
			}
		}
	}
	// A shell, for the quotes and comments.
	words, err := exec.CommandContext(within(t), "sh", "-c", script.String()).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for i, line := range strings.Split(strings.TrimSuffix(string(words), "\n"), "\n") {
		c := commands[i]
		found[c.document]++
		from := config.Sources{ReadFile: os.ReadFile, Stat: os.Stat, HostName: os.Hostname}
		if c.document == "docs/security.md" {
			from.Environ = []string{"PINGD_SECRET=stands for the certificates of the lines before"}
		}
		if loaded := config.Load(strings.Split(strings.Trim(line, "\x00"), "\x00"), from); len(loaded.Problems) > 0 {
			t.Errorf("%s: %s: %v", c.document, c.line, loaded.Problems)
		}
	}
	for _, name := range []string{"README.md", "docs/operations.md", "docs/migration.md", "docs/proxy.md", "docs/backup.md", "docs/repair.md"} {
		if found[name] == 0 {
			t.Errorf("%s: no command found", name)
		}
	}
}

// ownFlags are those of pingd and of all its subcommands, from the help.
func ownFlags(t *testing.T) map[string]bool {
	t.Helper()
	flag, flags := regexp.MustCompile(`(?m)^  (--[a-z][a-z0-9-]*)`), map[string]bool{"--help": true}
	help := config.Load([]string{"--help"}, config.Sources{}).Help
	_, rest, _ := strings.Cut(help, "\ncommands:\n")
	commands, _, _ := strings.Cut(rest, "\n\n")
	texts := []string{help}
	for line := range strings.Lines(commands) {
		if name, _, _ := strings.Cut(strings.TrimPrefix(line, "  "), " "); name != "" {
			texts = append(texts, config.Load([]string{name, "--help"}, config.Sources{}).Help)
		}
	}
	for _, text := range texts {
		for _, f := range flag.FindAllStringSubmatch(text, -1) {
			flags[f[1]] = true
		}
	}
	if len(texts) < 15 || !flags["--role"] || !flags["--dry-run"] {
		t.Fatalf("the help names %d commands, flags %v", len(texts)-1, flags)
	}
	return flags
}

// otherFlags are those of other programs, which their line names.
var otherFlags = map[string]string{
	"docker":        "--build --scale --target --volumes",
	" -e HOST_ROOT": "--cap-add", // of docker run
	"redis-cli":     "--rdb --tls --cacert --cert --key",
	"systemctl":     "--now",
	"sha256sum":     "--ignore-missing",
}

// benchmark is a command of bench, whose own tests look at them.
var benchmark = regexp.MustCompile("[`/]bench ")

// Every flag that a document names exists.
func TestFlagsInDocumentsExist(t *testing.T) {
	flag, own, found := regexp.MustCompile(`(?:^|[^a-zA-Z0-9-])(--[a-z][a-z0-9-]*)`), ownFlags(t), map[string]int{}
	for name, text := range documents(t) {
		for line := range strings.Lines(text) {
			if name == "docs/benchmarks.md" || benchmark.MatchString(line) || strings.HasPrefix(line, "```") {
				continue
			}
			for _, f := range flag.FindAllStringSubmatch(line, -1) {
				found[name]++
				known := own[f[1]]
				for program, flags := range otherFlags {
					known = known || strings.Contains(line, program) && slices.Contains(strings.Fields(flags), f[1])
				}
				if !known {
					t.Errorf("%s: nothing has a flag %s: %s", name, f[1], line)
				}
			}
		}
	}
	for name, least := range map[string]int{"README.md": 30, "docs/operations.md": 40, "docs/migration.md": 40, "docs/proxy.md": 30} {
		if found[name] < least {
			t.Errorf("%s: only %d flags found", name, found[name])
		}
	}
}

// Every link from one document to another, or to a heading in it, leads somewhere.
func TestLinksInDocuments(t *testing.T) {
	link, heading := regexp.MustCompile(`\]\(([^):# ]*)(?:#([^) ]*))?\)`), regexp.MustCompile(`(?m)^#+ (.*)$`)
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	var found int
	for name, text := range documents(t) {
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			found++
			to := name
			if l[1] != "" {
				to = path.Join(path.Dir(name), l[1])
			}
			if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(to))); err != nil {
				t.Errorf("%s: link to %s: %v", name, l[1], err)
				continue
			}
			if l[2] == "" {
				continue
			}
			// As those who show Markdown make an anchor of a heading.
			if !slices.ContainsFunc(heading.FindAllStringSubmatch(document(t, to), -1), func(h []string) bool {
				return strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-") == l[2]
			}) {
				t.Errorf("%s: %s has no heading for #%s", name, to, l[2])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d links found", found)
	}
}

// The operations guide says of every alert what to do, and of no other; other
// documents name none that is not there.
func TestEveryAlertIsExplained(t *testing.T) {
	_, rest, _ := strings.Cut(document(t, "docs/operations.md"), "\n## Every alert")
	text, _, _ := strings.Cut(rest, "\n## ")
	explained, known := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(text) {
		if first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.HasPrefix(line, "| `") {
			for name := range strings.SplitSeq(first, ", ") {
				explained[strings.Trim(name, "`")] = true
			}
		}
	}
	for _, r := range alert.Defaults() {
		known[r.Name] = true
		if !explained[r.Name] {
			t.Errorf("docs/operations.md does not explain %s", r.Name)
		}
	}
	for name := range explained {
		if !known[name] {
			t.Errorf("docs/operations.md explains %s, which is no alert", name)
		}
	}
	if count := fmt.Sprintf("\n%d rules come along", len(known)); !strings.Contains(document(t, "docs/monitoring.md"), count) {
		t.Errorf("docs/monitoring.md does not say that%s", count[1:])
	}
	// Names as alerts have them; rule_files is a key of Prometheus.
	like := regexp.MustCompile("`([0-9a-z]+(?:_[0-9a-z]+)+)`")
	for _, name := range []string{"docs/operations.md", "docs/monitoring.md"} {
		for _, m := range like.FindAllStringSubmatch(document(t, name), -1) {
			if !known[m[1]] && m[1] != "rule_files" {
				t.Errorf("%s: %s is no alert", name, m[1])
			}
		}
	}
}
