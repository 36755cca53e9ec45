package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells returns the names that Completion takes.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion returns the completion script of a shell, made of the same grammar
// as the help; empty for a shell that is not one of Shells.
func Completion(shell string) string {
	m := newModel(&grammar{})
	var b strings.Builder
	switch shell {
	case "bash":
		bashScript(&b, m)
	case "zsh":
		zshScript(&b, m)
	case "fish":
		fishScript(&b, m)
	}
	return b.String()
}

// commandsOf returns the subcommands that people type.
func commandsOf(m *model) []*kong.Node {
	return slices.DeleteFunc(slices.Clone(m.Model.Children), func(c *kong.Node) bool { return c.Hidden })
}

// flagsFor returns what may stand after a subcommand: its own flags and the
// settings it looks at.
func flagsFor(m *model, c *kong.Node) []*kong.Flag {
	flags := slices.Clone(c.Flags)
	for _, name := range settingsOf(c.Name) {
		if f, ok := m.setting(name); ok {
			flags = append(flags, f)
		}
	}
	return flags
}

// values says how the value of a flag is completed: by words, or by the names of
// files or directories.
func values(f *kong.Flag) (words []string, files, dirs bool) {
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
func takesFile(c *kong.Node) bool {
	return len(c.Positional) > 0 && (c.Positional[0].Name == "FILE" || c.Positional[0].Name == "PATH")
}

// brief is the first sentence of a help text, without its full stop.
func brief(help string) string {
	s, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(s, ".")
}

const bashHead = `# bash completion for pingd, made by: pingd completion bash
# source <(pingd completion bash)
_pingd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flag= command= words= i
	COMPREPLY=()
	# To readline "=" is a word of its own.
	if [[ $cur == = ]]; then
		flag=$prev cur=
	elif [[ $prev == = ]]; then
		flag=${COMP_WORDS[COMP_CWORD-2]}
	elif [[ $prev == --* ]]; then
		flag=$prev
	fi
	case $flag in
`

const bashTail = `	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
	return 0
}
complete -F _pingd pingd
`

func bashScript(b *strings.Builder, m *model) {
	b.WriteString(bashHead)
	all := slices.Clone(m.settings())
	for _, c := range commandsOf(m) {
		all = append(all, c.Flags...)
	}
	for _, f := range all {
		if f.IsBool() {
			continue
		}
		fmt.Fprintf(b, "\t--%s)\n", f.Name)
		words, files, dirs := values(f)
		switch {
		case f.Name == "role": // a list
			fmt.Fprintf(b, "\t\tlocal done=; [[ $cur == *,* ]] && done=${cur%%,*},\n"+
				"\t\tCOMPREPLY=($(compgen -P \"$done\" -W %q -- \"${cur##*,}\"))\n", strings.Join(words, " "))
		case len(words) > 0:
			fmt.Fprintf(b, "\t\tCOMPREPLY=($(compgen -W %q -- \"$cur\"))\n", strings.Join(words, " "))
		case files:
			b.WriteString("\t\tcompopt -o filenames 2>/dev/null\n\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n")
		case dirs:
			b.WriteString("\t\tcompopt -o filenames 2>/dev/null\n\t\tCOMPREPLY=($(compgen -d -- \"$cur\"))\n")
		}
		b.WriteString("\t\treturn ;;\n")
	}
	var names []string
	for _, c := range commandsOf(m) {
		names = append(names, c.Name)
	}
	fmt.Fprintf(b, "\tesac\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tcase ${COMP_WORDS[i]} in\n\t\t%s) command=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone\n",
		strings.Join(names, "|"))
	b.WriteString("\tcase $command in\n")
	for _, c := range commandsOf(m) {
		fmt.Fprintf(b, "\t%s) words=%q\n", c.Name, bashFlags(flagsFor(m, c)))
		switch {
		case takesFile(c):
			b.WriteString("\t\tif [[ $cur != -* ]]; then compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); return; fi\n")
		case c.Name == "completion":
			fmt.Fprintf(b, "\t\twords+=%q\n", " "+strings.Join(Shells(), " "))
		}
		b.WriteString("\t\t;;\n")
	}
	fmt.Fprintf(b, "\t*) words=%q\n\t\t[[ $cur == -* ]] || words=%q ;;\n", bashFlags(m.settings()), strings.Join(names, " "))
	b.WriteString(bashTail)
}

func bashFlags(flags []*kong.Flag) string {
	names := []string{"--help"}
	for _, f := range flags {
		name := "--" + f.Name
		if !f.IsBool() {
			name += "="
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
