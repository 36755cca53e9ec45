package clients

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pingd/integration/procs"
)

// flat drops what indentation and line ends add.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// What the guide shows is part of a program that the tests above run.
func TestGuideShowsWhatIsRun(t *testing.T) {
	root, err := procs.ModuleRoot(within(t))
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(filepath.Join(root, "docs", "clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{} // by language, all in one
	err = filepath.WalkDir(filepath.Join(root, "integration", "clients"), func(path string, d fs.DirEntry, err error) error {
		language := map[string]string{".go": "go", ".py": "python", ".mjs": "js"}[filepath.Ext(path)]
		if err != nil || language == "" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		programs[language] += flat(string(b)) + "\n"
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	if len(blocks) < 7 {
		t.Errorf("%d blocks: fewer than there are libraries", len(blocks))
	}
	for _, b := range blocks {
		if !strings.Contains(programs[b[1]], flat(b[2])) {
			t.Errorf("not in any program:\n%s", b[2])
		}
	}
}
