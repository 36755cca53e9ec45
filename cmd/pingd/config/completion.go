package config

import (
	"slices"

	"github.com/alecthomas/kong"

	"pingd/cmd/pingd/config/shell"
)

// Shells returns the names that Completion takes.
func Shells() []string { return shell.Names() }

// Completion returns the completion script of a shell, made of the same grammar
// as the help; empty for a shell that is not one of Shells.
func Completion(name string) string {
	m := newModel(&grammar{})
	g := shell.Grammar{Settings: m.settings()}
	for _, c := range m.Model.Children {
		if !c.Hidden { // people do not type it
			g.Commands = append(g.Commands, shell.Command{Node: c, Allowed: flagsFor(m, c)})
		}
	}
	return shell.Script(name, g)
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
