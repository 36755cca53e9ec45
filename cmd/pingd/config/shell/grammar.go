package shell

import (
	"strings"

	"github.com/alecthomas/kong"
)

// Grammar is what may be typed after the program's name.
type Grammar struct {
	Settings []*kong.Flag // without a subcommand
	Commands []Command
}

// Command is a subcommand.
type Command struct {
	*kong.Node
	Allowed []*kong.Flag // flags that may stand after it
}

// Names returns the names that Script takes.
func Names() []string { return []string{"bash", "zsh", "fish"} }

// Script returns the completion script of a shell; empty for one that is not one of
// Names.
func Script(shell string, g Grammar) string {
	var b strings.Builder
	switch shell {
	case "bash":
		bashScript(&b, g)
	case "zsh":
		zshScript(&b, g)
	case "fish":
		fishScript(&b, g)
	}
	return b.String()
}

// Values says how the value of a flag is completed: by words, or by the names of
// files or directories.
func Values(f *kong.Flag) (words []string, files, dirs bool) {
	switch tag := f.Tag.Get("complete"); tag {
	case "":
		return nil, false, false
	case "file", "dir":
		return nil, tag == "file", tag == "dir"
	default:
		return strings.Split(tag, ","), false, false
	}
}

// takesFile reports whether the argument of a subcommand is a file.
func takesFile(c Command) bool {
	return len(c.Positional) > 0 && (c.Positional[0].Name == "FILE" || c.Positional[0].Name == "PATH")
}

// brief is the first sentence of a help text, without its full stop.
func brief(help string) string {
	s, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(s, ".")
}
