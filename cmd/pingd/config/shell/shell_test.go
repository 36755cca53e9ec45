package shell

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// hostile has texts with all that shells take for more than text.
type hostile struct {
	Way string `help:"It's [a] way: of \"$(sh)\". More." complete:"fast,slow" placeholder:"WAY"`
	On  bool   `help:"Switch it on."`

	Save struct {
		File string `arg:"" name:"FILE" help:"Where to."`
	} `cmd:"" help:"Save: 'all'. More."`
}

func grammar(t *testing.T) Grammar {
	t.Helper()
	k, err := kong.New(&hostile{}, kong.NoDefaultHelp())
	if err != nil {
		t.Fatal(err)
	}
	g := Grammar{Settings: k.Model.Flags}
	for _, c := range k.Model.Children {
		g.Commands = append(g.Commands, Command{Node: c, Allowed: c.Flags})
	}
	return g
}

func TestScripts(t *testing.T) {
	for shell, want := range map[string][]string{
		"bash": {"--way)", `compgen -W "fast slow"`, `words="--help --way= --on"`, "save) words="},
		"zsh":  {`'--way=[It'\''s \[a\] way\: of "$(sh)"]:way:(fast slow)'`, `'--on[Switch it on]'`, `'save:Save\: '\''all'\'''`, "'1:file:_files'"},
		"fish": {`-l way -d 'It\'s [a] way: of "$(sh)"' -x -a 'fast slow'`, `-l on -d 'Switch it on'`, `-a save -d 'Save: \'all\''`},
	} {
		script := Script(shell, grammar(t))
		for _, w := range want {
			if !strings.Contains(script, w) {
				t.Errorf("%s: there is no %s in\n%s", shell, w, script)
			}
		}
	}
	if Script("tcsh", grammar(t)) != "" {
		t.Error("a script for a shell we do not know")
	}
}

func TestBrief(t *testing.T) {
	for help, want := range map[string]string{
		"One.": "One", "One. Two.": "One", "What: a, b.": "What: a, b", "off, or (-).": "off, or (-)",
	} {
		if got := brief(help); got != want {
			t.Errorf("%q: %q, want %q", help, got, want)
		}
	}
}
