package catalog

import (
	"slices"
	"strings"

	"pingd/kv/engine"
)

// Flags say how the front treats a command.
type Flags uint16

// The flags. Write, NoAuth, NoMulti and Admin follow from the facts.
const (
	Write      Flags = 1 << iota // changes the keyspace
	NoAuth                       // allowed before AUTH
	NoMulti                      // refused within MULTI
	Admin                        // not shown to MONITOR
	Subscribed                   // allowed to a RESP2 subscriber
	Immediate                    // runs within MULTI instead of being queued
	AtOnce                       // needs nothing of the store and changes nothing that a waiting group depends on
	Orders                       // sees to the order of its reply and a waiting group itself
	Hidden                       // not shown by COMMAND
)

// Entry describes one command, or one subcommand of a container command.
type Entry struct {
	Name    string // lower case; a subcommand's after its container's and |
	Arity   int    // words with the name; negative: at least that many
	Flags   Flags
	Spec    *engine.Spec // nil for commands of the front
	Group   string       // as in Redis's documentation: string, connection ...
	Summary string
	Subs    map[string]*Entry // of a container, by their own name; nil = no container

	Facts
}

// Describe returns what is known of a command from the facts, and for one of the
// engine from its description there. name is in lower case.
func Describe(name string, spec *engine.Spec) Entry {
	e := Entry{Name: name, Spec: spec, Facts: factsOf(name, spec)}
	e.Arity = e.Facts.arity
	for word, flag := range map[string]Flags{"write": Write, "no_auth": NoAuth, "no_multi": NoMulti, "admin": Admin} {
		if slices.Contains(e.Words, word) {
			e.Flags |= flag
		}
	}
	if spec != nil {
		e.Group, e.Summary = spec.Group, spec.Summary
		if spec.Flags&engine.Hidden != 0 {
			e.Flags |= Hidden
		}
	}
	return e
}

// ArityOK reports whether a call of that many words, the name included, can be
// right.
func (e *Entry) ArityOK(words int) bool {
	return words == e.Arity || e.Arity < 0 && words >= -e.Arity
}

// Is reports whether the command has any of the flags.
func (e *Entry) Is(f Flags) bool { return e.Flags&f != 0 }

// Index holds entries by name, subcommands within their containers. It must not
// be changed while it is used.
type Index map[string]*Entry

// MaxName is longer than any command's name, in bytes.
const MaxName = 32

// Lower writes name in lower case into buf and returns it, or nil if it is longer
// than any command's name. It lets a map be asked without allocating.
func Lower(buf *[MaxName]byte, name []byte) []byte {
	if len(name) > MaxName {
		return nil
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		buf[i] = b
	}
	return buf[:len(name)]
}

// Find looks an entry up by its name in any case; that of a subcommand has its
// container's and | before it.
func (x Index) Find(name []byte) *Entry {
	container, sub, isSub := strings.Cut(strings.ToLower(string(name)), "|")
	e := x[container]
	if isSub && e != nil {
		return e.Subs[sub]
	}
	return e
}

// Call looks up what the words of a call mean, nil if nothing.
func (x Index) Call(args [][]byte) *Entry {
	e := x.Find(args[0])
	if e != nil && e.Subs != nil && len(args) > 1 {
		return e.Subs[strings.ToLower(string(args[1]))]
	}
	return e
}

// Shown returns the entries that are not hidden, sorted by name, without
// subcommands.
func (x Index) Shown() []*Entry { return shown(x) }

func shown(from map[string]*Entry) []*Entry {
	list := make([]*Entry, 0, len(from))
	for _, e := range from {
		if !e.Is(Hidden) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// ShownSubs returns the subcommands that are not hidden, sorted by name.
func (e *Entry) ShownSubs() []*Entry { return shown(e.Subs) }
