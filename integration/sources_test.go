package integration

import (
	"io/fs"
	"slices"
	"strings"
)

// goSources shows of a checkout what a build needs, so that a copy is small.
type goSources struct{ fs.FS }

// ReadDir leaves out what belongs to no build.
func (s goSources) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		file := e.Name()
		switch {
		case e.IsDir():
			return slices.Contains([]string{".git", "dist", "pingd-data", "integration", "docs"}, file)
		default:
			return strings.HasSuffix(file, "_test.go") || !e.Type().IsRegular()
		}
	}), err
}
