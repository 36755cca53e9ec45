package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// The layout of the help, in columns.
const (
	helpWidth = 96
	helpFlags = 34 // where the explanation of a flag begins
)

const helpHead = `pingd: a highly available web stack in one binary: proxy, visit counter, replicated Redis-compatible
store, Sentinel and monitor

usage:
  pingd [flags]              start the roles given by --role; without any flag, the whole stack here
  pingd COMMAND [flags]      ask or change a cluster; --join tells where (default: 127.0.0.1:6379)
`

const helpTail = `
Every flag can also be set as a variable, such as PINGD_PROXY_ADDR for --proxy-addr, or as a line of
the file given by --config, such as: proxy-addr = :80. The command line comes before the variables,
they before the file. Times carry a unit: 150ms, 2s, 1m. Port 0 means any free port. The exit status
is 0 after a graceful stop, 1 after a failure and 2 after a mistake on the command line.

examples:
  The whole stack on this machine, the page of the monitor on http://127.0.0.1:19999/
    pingd
    curl localhost:8080

  The same command on each of three machines, and the loss of one stops nothing
    pingd --bind=0.0.0.0 --secret-file=/etc/pingd.secret --join=h1,h2,h3 --expect=3

  A proxy for two servers of your own, without a store
    pingd --role=proxy --backend=127.0.0.1:9001 --backend='127.0.0.1:9002 weight=3 check=/healthz'

  A second store on this machine
    pingd --role=store --name=s2 --data=d2 --join=127.0.0.1:6379 \
      --redis-addr=:6380 --raft-addr=:16380 --sentinel-addr=:26380 --admin-addr=:19998

  Look, and move the leadership before maintenance
    pingd status --join=h1
    pingd transfer --join=h1
`

// sections of the help: a title and the value of the tag roles that it gathers.
var sections = []struct{ title, roles string }{
	{"every process", ""},
	{"role store", "store"},
	{"roles store and sentinel", "store,sentinel"},
	{"roles proxy and counter", "proxy,counter"},
	{"role proxy", "proxy"},
	{"role counter", "counter"},
	{"role monitor", "monitor"},
}

// helpText returns the help of a subcommand, or of all when command is empty.
func helpText(m *model, command string) string {
	var b strings.Builder
	if c := findCommand(m.Model.Node, command); c != nil {
		commandHelp(&b, m, c)
		return b.String()
	}
	b.WriteString(helpHead)
	b.WriteString("\ncommands:\n")
	for _, c := range m.Model.Children {
		if !c.Hidden {
			entry(&b, usage(c), c.Help)
		}
	}
	for _, s := range sections {
		fmt.Fprintf(&b, "\n%s:\n", s.title)
		for _, f := range m.settings() {
			if f.Tag.Get("roles") == s.roles {
				flagHelp(&b, f)
			}
		}
	}
	b.WriteString(helpTail)
	return b.String()
}

func commandHelp(b *strings.Builder, m *model, c *kong.Node) {
	fmt.Fprintf(b, "usage: pingd %s [flags]\n\n%s\n\nflags:\n", usage(c), c.Help)
	for _, f := range c.Flags {
		flagHelp(b, f)
	}
	about := settingsOf(c.Name)
	for _, f := range m.settings() {
		if slices.Contains(about, f.Name) {
			flagHelp(b, f)
		}
	}
}

// settingsOf returns the settings that a subcommand looks at.
func settingsOf(command string) []string {
	certificates := []string{"tls-cert", "tls-key", "tls-ca", "tls-name"}
	switch command {
	case "health":
		return append([]string{"admin-addr", "bind", "config"}, certificates...)
	case "top":
		return append([]string{"admin-addr", "bind", "secret-file", "config"}, certificates...)
	case "servers", "drain", "ready", "weight", "explain":
		return append([]string{"admin-addr", "bind", "join", "secret-file", "config"}, certificates...)
	case "recover":
		return []string{"data", "name", "config"}
	case "version", "check", "completion":
		return nil
	}
	return append([]string{"join", "secret-file", "config"}, certificates...)
}

// usage writes a subcommand with its arguments.
func usage(c *kong.Node) string {
	s := c.Name
	for _, p := range c.Positional {
		if p.Required {
			s += " " + p.Name
		} else {
			s += " [" + p.Name + "]"
		}
	}
	return s
}

func flagHelp(b *strings.Builder, f *kong.Flag) {
	name := "--" + f.Name
	switch {
	case f.IsBool():
	case f.HasDefault:
		name += "=" + f.Default
	default:
		name += "=" + f.PlaceHolder
	}
	entry(b, name, f.Help)
}

// entry writes a name and, from a fixed column on, its explanation in lines that
// fit.
func entry(b *strings.Builder, name, text string) {
	line := "  " + name
	if len(line) >= helpFlags-1 {
		b.WriteString(line + "\n")
		line = ""
	}
	line += strings.Repeat(" ", helpFlags-len(line))
	empty := true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > helpWidth {
			b.WriteString(line + "\n")
			line, empty = strings.Repeat(" ", helpFlags), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
