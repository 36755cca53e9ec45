package config

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// line is a command line taken apart, before the parser sees it: the parser stops
// at the first mistake, a person wants to see all of them.
type line struct {
	clean    []string // what is left for the parser, each value joined to its flag
	help     bool
	command  string // the subcommand named, empty if none
	config   string // the last --config
	problems []Problem
}

// takeApart goes through args by the model m.
func takeApart(m *model, args []string) line {
	l := line{}
	node := m.Model.Node
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-h" || arg == "--help" || (arg == "help" && node.Parent == nil):
			l.help = true
		case strings.HasPrefix(arg, "-") && arg != "-":
			joined, used := l.flag(m, node, arg, args[i+1:])
			i += used
			if joined != "" {
				l.clean = append(l.clean, joined)
			}
		default:
			node = l.word(node, arg)
		}
	}
	l.missing(node)
	return l
}

// flag takes one flag, with its value in rest where that stands apart: used is how
// many of rest belong to it.
func (l *line) flag(m *model, node *kong.Node, arg string, rest []string) (joined string, used int) {
	name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	f := findFlag(node, name)
	if f == nil || !strings.HasPrefix(arg, "--") {
		if !hasValue && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && findCommand(m.Model.Node, rest[0]) == nil {
			value, used = rest[0], 1 // the value of the flag we do not know, most likely
		}
		l.problems = append(l.problems, unknownFlag(node, arg, name, value))
		return "", used
	}
	switch {
	case hasValue:
	case f.IsBool():
		return "--" + name, 0
	case len(rest) > 0 && !strings.HasPrefix(rest[0], "--"):
		value, used = rest[0], 1
	default:
		l.problems = append(l.problems, Problem{"--" + name, "needs a value", "--" + name + "=" + f.FormatPlaceHolder()})
		return "", 0
	}
	if name == "config" {
		l.config = value
	}
	return "--" + name + "=" + value, used
}

// word takes an argument that is no flag: a subcommand or what it is about.
func (l *line) word(node *kong.Node, arg string) *kong.Node {
	if node.Parent != nil { // within a subcommand
		if len(l.clean) > 0 && len(node.Positional) > l.words(node) {
			l.clean = append(l.clean, arg)
			return node
		}
		l.problems = append(l.problems, Problem{quoteShell(arg), "pingd " + node.Name + " takes no such argument", "pingd " + node.Name + " --help"})
		return node
	}
	if c := findCommand(node, arg); c != nil {
		l.command = c.Name
		l.clean = append(l.clean, arg)
		return c
	}
	p := Problem{quoteShell(arg), "is no command", "pingd --help lists the commands"}
	var names []string
	for _, c := range node.Children {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	if n := nearest(arg, names); n != "" {
		p.Hint = "pingd " + n
	} else if slices.Contains(append(Roles(), All), arg) {
		p.Hint = "pingd --role=" + arg
	}
	l.problems = append(l.problems, p)
	return node
}

// words counts the arguments already taken for the subcommand node.
func (l *line) words(node *kong.Node) int {
	i := slices.Index(l.clean, node.Name)
	n := 0
	for _, a := range l.clean[i+1:] {
		if !strings.HasPrefix(a, "--") {
			n++
		}
	}
	return n
}

// missing notes an argument that the subcommand needs and did not get.
func (l *line) missing(node *kong.Node) {
	if node.Parent == nil || l.help {
		return
	}
	for i, p := range node.Positional {
		if p.Required && i >= l.words(node) {
			l.problems = append(l.problems, Problem{"pingd " + node.Name, "needs " + p.Name, example(node.Name, p.Name)})
			l.clean = append(l.clean, p.Name) // the parser must not report it again
		}
	}
}

func unknownFlag(node *kong.Node, arg, name, value string) Problem {
	p := Problem{quoteShell(arg), "unknown flag", "pingd --help lists the flags"}
	var names []string
	for _, f := range flagsAt(node) {
		names = append(names, f.Name)
	}
	if n := nearest(strings.ToLower(strings.ReplaceAll(name, "_", "-")), names); n != "" {
		p.Hint = "--" + n
		if value != "" {
			p.Hint += "=" + quoteShell(value)
		}
	}
	return p
}

// flagsAt returns the flags that may stand after node: its own and those of all.
func flagsAt(node *kong.Node) []*kong.Flag {
	var flags []*kong.Flag
	for n := node; n != nil; n = n.Parent {
		flags = append(flags, n.Flags...)
	}
	return flags
}

func findFlag(node *kong.Node, name string) *kong.Flag {
	for _, f := range flagsAt(node) {
		if f.Name == name {
			return f
		}
	}
	return nil
}

func findCommand(root *kong.Node, name string) *kong.Node {
	for _, c := range root.Children {
		if c.Name == name && !c.Hidden {
			return c
		}
	}
	return nil
}
