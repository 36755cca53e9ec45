package catalog

import (
	"slices"
	"strings"

	"pingd/kv/engine"
)

// Flags say how the front treats a command.
type Flags uint16

// The flags. Those of the engine's own commands follow from engine.Spec.
const (
	Write      Flags = 1 << iota // a data command that changes the keyspace
	NoAuth                       // allowed before AUTH
	Subscribed                   // allowed to a RESP2 subscriber
	Immediate                    // runs within MULTI instead of being queued
	NoMulti                      // refused within MULTI
	AtOnce                       // needs nothing of the store and changes nothing that a waiting group depends on
	Orders                       // sees to the order of its reply and a waiting group itself
	Admin                        // COMMAND's flag admin
	PubSub                       // COMMAND's flag pubsub
	Hidden                       // not shown by COMMAND
)

// Entry describes one command.
type Entry struct {
	Name    string // lower case
	Arity   int    // words with the name; negative: at least that many
	Flags   Flags
	Spec    *engine.Spec // nil for commands of the front
	Group   string       // as in Redis's documentation: string, connection ...
	Summary string
}

// FromSpec describes a command of the engine.
func FromSpec(spec *engine.Spec) Entry {
	e := Entry{
		Name: strings.ToLower(spec.Name), Arity: spec.Arity, Spec: spec,
		Group: spec.Group, Summary: spec.Summary,
	}
	if spec.Flags&engine.Write != 0 {
		e.Flags |= Write
	}
	if spec.Flags&engine.Hidden != 0 {
		e.Flags |= Hidden
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

// Index holds entries by name. It must not be changed while it is used.
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

// Find looks an entry up by its name in any case.
func (x Index) Find(name []byte) *Entry {
	var buf [MaxName]byte
	return x[string(Lower(&buf, name))]
}

// Shown returns the entries that are not hidden, sorted by name.
func (x Index) Shown() []*Entry {
	list := make([]*Entry, 0, len(x))
	for _, e := range x {
		if !e.Is(Hidden) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	return list
}
