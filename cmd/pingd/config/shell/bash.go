package shell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

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

func bashScript(b *strings.Builder, g Grammar) {
	b.WriteString(bashHead)
	all := slices.Clone(g.Settings)
	for _, c := range g.Commands {
		all = append(all, c.Flags...)
	}
	for _, f := range all {
		if f.IsBool() {
			continue
		}
		fmt.Fprintf(b, "\t--%s)\n", f.Name)
		words, files, dirs := Values(f)
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
	for _, c := range g.Commands {
		names = append(names, c.Name)
	}
	fmt.Fprintf(b, "\tesac\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tcase ${COMP_WORDS[i]} in\n\t\t%s) command=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone\n",
		strings.Join(names, "|"))
	b.WriteString("\tcase $command in\n")
	for _, c := range g.Commands {
		fmt.Fprintf(b, "\t%s) words=%q\n", c.Name, bashFlags(c.Allowed))
		switch {
		case takesFile(c):
			b.WriteString("\t\tif [[ $cur != -* ]]; then compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); return; fi\n")
		case c.Name == "completion":
			fmt.Fprintf(b, "\t\twords+=%q\n", " "+strings.Join(Names(), " "))
		}
		b.WriteString("\t\t;;\n")
	}
	fmt.Fprintf(b, "\t*) words=%q\n\t\t[[ $cur == -* ]] || words=%q ;;\n", bashFlags(g.Settings), strings.Join(names, " "))
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
