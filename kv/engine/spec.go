package engine

import (
	"slices"
	"strings"
)

// Flags say how a command must be run.
type Flags uint32

const (
	// Write marks a command that changes the keyspace: it must go through the log.
	Write Flags = 1 << iota
	// Read marks a command that Engine.Read answers.
	Read
	// Hidden marks a command of this project's own, not shown by COMMAND.
	Hidden
	// Fast marks a command whose cost does not grow with the data (COMMAND's
	// flag fast).
	Fast
	// DenyOOM marks a command that may use more memory (COMMAND's flag denyoom).
	DenyOOM
)

// Spec describes a data command, as Redis's COMMAND shows it.
type Spec struct {
	Name  string // upper case
	Arity int    // number of words, the name included; negative: at least that many
	Flags Flags
	// FirstKey, LastKey and KeyStep are the places of the keys among the words;
	// a negative LastKey counts from the end; all 0 without keys.
	FirstKey, LastKey, KeyStep int
	Group                      string // as in Redis's documentation: string, generic ...
	Summary                    string
	ACL                        []string // categories, without @, beyond those that Flags and Group imply
}

// command is a Spec and what runs it.
type command struct {
	Spec
	lower string // name as error texts have it
	run   func(*call)
}

func (s *Spec) arityOK(words int) bool {
	return words == s.Arity || s.Arity < 0 && words >= -s.Arity
}

// maxName is longer than any command's name.
const maxName = 24

// index holds every command by its name in upper case.
var index = buildIndex()

func buildIndex() map[string]*command {
	groups := [][]command{stringCommands, hashCommands, keyCommands, databaseCommands, onceCommands}
	m := make(map[string]*command)
	for _, group := range groups {
		for _, cmd := range group {
			cmd.lower = strings.ToLower(cmd.Name)
			m[cmd.Name] = &cmd
		}
	}
	return m
}

func find(commands map[string]*command, name []byte) *command {
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

// find goes through the engine, not through index: a command that runs another
// one must not refer to the table that refers to it.
func (e *Engine) find(name []byte) *command { return find(e.commands, name) }

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
