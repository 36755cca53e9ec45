package shell

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

func zshScript(b *strings.Builder, g Grammar) {
	b.WriteString(zshHead)
	for _, c := range g.Commands {
		fmt.Fprintf(b, "\t\t%s\n", single(c.Name+":"+strings.ReplaceAll(brief(c.Help), ":", `\:`)))
	}
	b.WriteString("\t)\n\t_arguments -C \\\n\t\t'--help[Show the help]' \\\n")
	for _, f := range g.Settings {
		fmt.Fprintf(b, "\t\t%s \\\n", zshFlag(f))
	}
	b.WriteString("\t\t'1::command:->command' '*::argument:->argument'\n\tcase $state in\n")
	b.WriteString("\tcommand) _describe -t commands command commands ;;\n\targument)\n\t\tcase $words[1] in\n")
	for _, c := range g.Commands {
		fmt.Fprintf(b, "\t\t%s) _arguments '--help[Show the help]'", c.Name)
		for _, f := range c.Allowed {
			b.WriteString(" \\\n\t\t\t" + zshFlag(f))
		}
		switch {
		case takesFile(c):
			b.WriteString(" \\\n\t\t\t'1:file:_files'")
		case c.Name == "completion":
			fmt.Fprintf(b, " \\\n\t\t\t'1:shell:(%s)'", strings.Join(Names(), " "))
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
	words, files, dirs := Values(f)
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
