package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"pingd/cmd/pingd/config"
)

// What the documents say of bench, it understands: each command in them, and each
// flag in the table of results that is not one of pingd's.
func TestCommandsInDocuments(t *testing.T) {
	flags, found := map[string]bool{"--help": true}, 0
	read := func(name string) string {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	parser := func() *kong.Kong {
		k, err := kong.New(&commandLine{}, kong.Name("bench"))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	model := parser().Model
	for _, node := range append(model.Children, model.Node) {
		for _, f := range node.Flags {
			flags["--"+f.Name] = true
		}
	}
	command := regexp.MustCompile("[`/]bench ((?:load|store|commit|failover|tutorial|soak|proxy|monitor|conformance)[^`\n#]*)")
	names := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/decisions/*.md"} {
		matches, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range matches {
			names = append(names, strings.TrimPrefix(filepath.ToSlash(m), "../../"))
		}
	}
	for _, name := range names {
		for _, m := range command.FindAllStringSubmatch(read(name), -1) {
			found++
			if _, err := parser().Parse(strings.Fields(strings.ReplaceAll(m[1], "'", ""))); err != nil {
				t.Errorf("%s: bench %s: %v", name, m[1], err)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d commands found", found)
	}
	help := config.Load([]string{"--help"}, config.Sources{}).Help
	for _, m := range regexp.MustCompile(`(?:^|[^a-zA-Z0-9-])(--[a-z][a-z0-9-]*)`).FindAllStringSubmatch(read("docs/benchmarks.md"), -1) {
		if !flags[m[1]] && !strings.Contains(help, "\n  "+m[1]+"=") && !strings.Contains(help, "\n  "+m[1]+" ") {
			t.Errorf("docs/benchmarks.md: neither bench nor pingd has a flag %s", m[1])
		}
	}
}
