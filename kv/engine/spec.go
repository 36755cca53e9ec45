package engine

import (
	"slices"
	"strings"

	"pingd/kv/engine/call"
	"pingd/kv/engine/hashes"
)

// Spec describes a data command, as Redis's COMMAND shows it.
type Spec = call.Spec

// Flags say how a command must be run.
type Flags = call.Flags

// The flags, described at package call.
const (
	Write   = call.Write
	Read    = call.Read
	Hidden  = call.Hidden
	Fast    = call.Fast
	DenyOOM = call.DenyOOM
)

// maxName is longer than any command's name.
const maxName = 24

// index holds every command by its name in upper case.
var index = buildIndex()

func buildIndex() map[string]*call.Command {
	groups := [][]call.Command{stringCommands, hashes.Commands(), keyCommands, databaseCommands, onceCommands}
	m := make(map[string]*call.Command)
	for _, group := range groups {
		for _, cmd := range group {
			if cmd.Level = levelOf(cmd.Name); cmd.Level <= Level {
				m[cmd.Name] = &cmd
			}
		}
	}
	return m
}

func find(commands map[string]*call.Command, name []byte) *call.Command {
	var upper [maxName]byte
	if len(name) > maxName {
		return nil
	}
	for i, ch := range name {
		if 'a' <= ch && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		upper[i] = ch
	}
	return commands[string(upper[:len(name)])]
}

// Lookup returns the description of the data command with the name, in any case,
// or nil. The result must not be changed. Safe for concurrent use.
func Lookup(name []byte) *Spec {
	if cmd := find(index, name); cmd != nil {
		return &cmd.Spec
	}
	return nil
}

// Specs returns all data commands, sorted by name.
func Specs() []Spec {
	specs := make([]Spec, 0, len(index))
	for _, cmd := range index {
		specs = append(specs, cmd.Spec)
	}
	slices.SortFunc(specs, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return specs
}
