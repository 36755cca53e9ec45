package shell

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

func fishScript(b *strings.Builder, g Grammar) {
	b.WriteString("# fish completion for pingd, made by: pingd completion fish\n# pingd completion fish | source\ncomplete -c pingd -f\n")
	b.WriteString("complete -c pingd -l help -s h -d 'Show the help'\n")
	for _, c := range g.Commands {
		fmt.Fprintf(b, "complete -c pingd -n __fish_use_subcommand -a %s -d %s\n", c.Name, fishQuote(brief(c.Help)))
	}
	for _, f := range g.Settings {
		fishFlag(b, "__fish_use_subcommand", f)
	}
	for _, c := range g.Commands {
		when := "__fish_seen_subcommand_from " + c.Name
		for _, f := range c.Allowed {
			fishFlag(b, when, f)
		}
		switch {
		case takesFile(c):
			fmt.Fprintf(b, "complete -c pingd -n %s -F\n", fishQuote(when))
		case c.Name == "completion":
			fmt.Fprintf(b, "complete -c pingd -n %s -a %s\n", fishQuote(when), fishQuote(strings.Join(Names(), " ")))
		}
	}
}

func fishFlag(b *strings.Builder, when string, f *kong.Flag) {
	fmt.Fprintf(b, "complete -c pingd -n %s -l %s -d %s", fishQuote(when), f.Name, fishQuote(brief(f.Help)))
	words, files, dirs := Values(f)
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
