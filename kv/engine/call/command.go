package call

import "strings"

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
}

// Command is a Spec and what runs it.
type Command struct {
	Spec
	Run   func(*Call)
	Level uint8  // from which on it may be in the log (see engine.Level)
	lower string // name as error texts have it
}

// New makes a command with a single key or, if firstKey is 0, none.
func New(name string, arity int, flags Flags, firstKey int, summary string, run func(*Call)) Command {
	s := Spec{Name: name, Arity: arity, Flags: flags, Summary: summary}
	if firstKey > 0 {
		s.FirstKey, s.LastKey, s.KeyStep = firstKey, firstKey, 1
	}
	return Command{Spec: s, Run: run, lower: strings.ToLower(name)}
}

// Keys sets the places of several keys.
func (cmd Command) Keys(last, step int) Command {
	cmd.LastKey, cmd.KeyStep = last, step
	return cmd
}

// Group sets the group of each command.
func Group(name string, commands ...Command) []Command {
	for i := range commands {
		commands[i].Spec.Group = name
	}
	return commands
}

// ArityOK reports whether a call of that many words, the name included, can be
// right.
func (s *Spec) ArityOK(words int) bool {
	return words == s.Arity || s.Arity < 0 && words >= -s.Arity
}
