package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program is what "go list -json" says of a package.
type program struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
	Module          *struct{ Main bool }
}

// compiled are the packages that were type-checked, by import path.
type compiled map[string]*types.Package

func (c compiled) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if p := c[path]; p != nil {
		return p, nil
	}
	return nil, errors.New("not among the dependencies: " + path)
}

// All of this compiles for other systems: every package and its tests are
// type-checked as they are there, our own to the last statement. (It takes a few
// seconds and no cache; .ci/release builds what is released for real.)
func TestOtherSystemsCompile(t *testing.T) {
	for _, system := range []string{"darwin/arm64", "linux/arm64"} {
		t.Run(strings.ReplaceAll(system, "/", "-"), func(t *testing.T) {
			goos, goarch, _ := strings.Cut(system, "/")
			list := exec.CommandContext(within(t), "go", "list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,ImportMap,Module", "../...") // tests as well
			list.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
			out, err := list.Output()
			if err != nil {
				t.Fatal(err)
			}
			done, own := compiled{}, 0
			// Dependencies come before those that need them.
			for packages := json.NewDecoder(bytes.NewReader(out)); ; {
				var p program
				if err := packages.Decode(&p); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") {
					continue
				}
				ours := p.Module != nil && p.Module.Main
				if ours {
					own++
				}
				for _, err := range done.compile(p, goarch, ours) {
					t.Error(err)
				}
			}
			if own < 40 {
				t.Errorf("only %d packages of ours were seen", own)
			}
		})
	}
}

// compile type-checks one package, with or without the bodies of its functions.
func (c compiled) compile(p program, goarch string, bodies bool) (mistakes []error) {
	files := token.NewFileSet()
	var trees []*ast.File
	for _, name := range p.GoFiles {
		tree, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return []error{err}
		}
		trees = append(trees, tree)
	}
	config := types.Config{
		Importer:         mapped{c, p.ImportMap},
		Sizes:            types.SizesFor("gc", goarch),
		IgnoreFuncBodies: !bodies,
		Error:            func(err error) { mistakes = append(mistakes, err) },
	}
	c[p.ImportPath], _ = config.Check(p.ImportPath, files, trees, nil) // its error is the first of those
	return mistakes
}

// mapped imports as one package does: the standard library names what is vendored
// into it by other paths.
type mapped struct {
	compiled
	paths map[string]string
}

func (m mapped) Import(path string) (*types.Package, error) {
	if actual := m.paths[path]; actual != "" {
		path = actual
	}
	return m.compiled.Import(path)
}
