package config

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// confExamples are the values that docs/pingd.conf shows for settings without a
// default.
var confExamples = map[string]string{
	"name": "node1", "advertise": "10.0.0.1", "join": "h1,h2,h3", "secret-file": "/etc/pingd.secret",
	"admin-host": "pingd.example.org", "backend": "127.0.0.1:9001 weight=3 check=/healthz",
	"route": "shop.example.org/cart=/app/cart/", "sticky": "SERVER", "rate-limit": "100/s burst=200", "proxy-trusted": "10.0.0.0/8",
}

const confHead = `# /etc/pingd.conf: every setting of pingd, each with its default or an example behind one #.
# Check it with: pingd --check --config=/etc/pingd.conf
# The command line comes before the variables (PINGD_PROXY_ADDR=:80), they before this file.
#
# Three machines h1, h2, h3, each with the same file, and the loss of one stops nothing:
#
#   bind        = 0.0.0.0
#   secret-file = /etc/pingd.secret
#   join        = h1,h2,h3
#   expect      = 3
`

// example is docs/pingd.conf as the grammar makes it.
func exampleConf() string {
	m := newModel(&grammar{})
	var b strings.Builder
	b.WriteString(confHead)
	for _, s := range sections {
		b.WriteString("\n# ---- " + s.title + "\n")
		for _, f := range m.settings() {
			if f.Tag.Get("roles") != s.roles || f.Name == "config" || f.Name == "check" {
				continue
			}
			line := "#"
			b.WriteString("\n")
			for word := range strings.FieldsSeq(f.Help) {
				if len(line)+1+len(word) > helpWidth {
					b.WriteString(line + "\n")
					line = "#"
				}
				line += " " + word
			}
			value, shown := confExamples[f.Name]
			switch {
			case shown:
			case f.IsBool() && !f.HasDefault:
				value = "false"
			default:
				value = f.Default
			}
			b.WriteString(line + "\n#" + f.Name + " = " + value + "\n")
		}
	}
	return b.String()
}

// docs/pingd.conf names every setting, with its default. Set PINGD_TEST_UPDATE=1
// to write it anew.
func TestExampleFile(t *testing.T) {
	const path = "../../../docs/pingd.conf"
	want := exampleConf()
	if os.Getenv("PINGD_TEST_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != want {
		t.Errorf("%s is not what the settings make of it: run this test with PINGD_TEST_UPDATE=1", path)
	}
	files := map[string]string{"as it is": want, "uncommented": regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(want, "$1")}
	for how, file := range files {
		l := Load([]string{"--config=f", "--name=n"}, Sources{
			ReadFile: func(name string) ([]byte, error) {
				if name == "f" {
					return []byte(file), nil
				}
				return []byte("hush\n"), nil
			},
			Stat: func(string) (fs.FileInfo, error) { return nil, fs.ErrNotExist },
		})
		for _, p := range append(l.Problems, asProblems(l.Warnings)...) {
			t.Errorf("%s: %v", how, p)
		}
	}
}

func asProblems(warnings []string) []Problem {
	var all []Problem
	for _, w := range warnings {
		all = append(all, Problem{Rule: w})
	}
	return all
}
