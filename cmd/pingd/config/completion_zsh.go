package config

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

const zshHead = `#compdef pingd
# zsh completion for pingd, made by: pingd completion zsh
# source <(pingd completion zsh), or a file _pingd in a directory of $fpath
_pingd() {
	local curcontext=$curcontext state line
	typeset -A opt_args
	local -a commands=(
`

const zshTail = `	esac
}
if [[ ${funcstack[1]} == _pingd ]]; then _pingd "$@"; else compdef _pingd pingd; fi
`

func zshScript(b *strings.Builder, m *model) {
	b.WriteString(zshHead)
	for _, c := range commandsOf(m) {
		fmt.Fprintf(b, "\t\t%s\n", single(c.Name+":"+strings.ReplaceAll(brief(c.Help), ":", `\:`)))
	}
	b.WriteString("\t)\n\t_arguments -C \\\n\t\t'--help[Show the help]' \\\n")
	for _, f := range m.settings() {
		fmt.Fprintf(b, "\t\t%s \\\n", zshFlag(f))
	}
	b.WriteString("\t\t'1::command:->command' '*::argument:->argument'\n\tcase $state in\n")
	b.WriteString("\tcommand) _describe -t commands command commands ;;\n\targument)\n\t\tcase $words[1] in\n")
	for _, c := range commandsOf(m) {
		fmt.Fprintf(b, "\t\t%s) _arguments '--help[Show the help]'", c.Name)
		for _, f := range flagsFor(m, c) {
			b.WriteString(" \\\n\t\t\t" + zshFlag(f))
		}
		switch {
		case takesFile(c):
			b.WriteString(" \\\n\t\t\t'1:file:_files'")
		case c.Name == "completion":
			fmt.Fprintf(b, " \\\n\t\t\t'1:shell:(%s)'", strings.Join(Shells(), " "))
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("\t\tesac ;;\n" + zshTail)
}

// zshFlag writes a flag as _arguments takes it.
func zshFlag(f *kong.Flag) string {
	text := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(brief(f.Help))
	if f.IsBool() {
		return single("--" + f.Name + "[" + text + "]")
	}
	how := " "
	words, files, dirs := values(f)
	switch {
	case f.Name == "role":
		how = "_values -s , role " + strings.Join(words, " ")
	case len(words) > 0:
		how = "(" + strings.Join(words, " ") + ")"
	case files:
		how = "_files"
	case dirs:
		how = "_files -/"
	}
	return single("--" + f.Name + "=[" + text + "]:" + f.Name + ":" + how)
}

// single quotes for zsh.
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func fishScript(b *strings.Builder, m *model) {
	b.WriteString("# fish completion for pingd, made by: pingd completion fish\n# pingd completion fish | source\ncomplete -c pingd -f\n")
	b.WriteString("complete -c pingd -l help -s h -d 'Show the help'\n")
	for _, c := range commandsOf(m) {
		fmt.Fprintf(b, "complete -c pingd -n __fish_use_subcommand -a %s -d %s\n", c.Name, fishQuote(brief(c.Help)))
	}
	for _, f := range m.settings() {
		fishFlag(b, "__fish_use_subcommand", f)
	}
	for _, c := range commandsOf(m) {
		when := "__fish_seen_subcommand_from " + c.Name
		for _, f := range flagsFor(m, c) {
			fishFlag(b, when, f)
		}
		switch {
		case takesFile(c):
			fmt.Fprintf(b, "complete -c pingd -n %s -F\n", fishQuote(when))
		case c.Name == "completion":
			fmt.Fprintf(b, "complete -c pingd -n %s -a %s\n", fishQuote(when), fishQuote(strings.Join(Shells(), " ")))
		}
	}
}

func fishFlag(b *strings.Builder, when string, f *kong.Flag) {
	fmt.Fprintf(b, "complete -c pingd -n %s -l %s -d %s", fishQuote(when), f.Name, fishQuote(brief(f.Help)))
	words, files, dirs := values(f)
	switch {
	case f.IsBool():
	case f.Name == "role":
		fmt.Fprintf(b, " -x -a %s", fishQuote("(__fish_complete_list , 'printf %s\\\\n "+strings.Join(words, " ")+"')"))
	case len(words) > 0:
		fmt.Fprintf(b, " -x -a %s", fishQuote(strings.Join(words, " ")))
	case files:
		b.WriteString(" -r -F")
	case dirs:
		b.WriteString(" -x -a '(__fish_complete_directories)'")
	default:
		b.WriteString(" -x")
	}
	b.WriteString("\n")
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
