package server

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pingd/kv/engine"
	"pingd/kv/server/catalog"
	"pingd/kv/server/latency"
)

// command is an entry of the command table: a data command of the engine, or one
// that the front runs itself. Subcommands are entries of their own.
type command struct {
	catalog.Entry
	run  func(c *conn, args [][]byte) // nil for data commands
	subs map[string]*command          // of a container command, by their own name

	fast         bool // its cost does not grow with the data
	reads        bool // a data command that only reads
	abort        bool // EXEC: refusing it ends the transaction
	keepsCaching bool // CLIENT: what CLIENT CACHING said still holds after it

	calls, failed, rejected atomic.Int64
	nanos                   atomic.Int64 // of all calls
	times                   latency.Histogram
}

// ran notes how long a call took, or as a part of a group is said to have taken.
func (cmd *command) ran(took time.Duration) {
	cmd.calls.Add(1)
	cmd.nanos.Add(int64(took))
	cmd.times.Note(took)
}

// reset begins to count anew.
func (cmd *command) reset() {
	cmd.calls.Store(0)
	cmd.failed.Store(0)
	cmd.rejected.Store(0)
	cmd.nanos.Store(0)
	cmd.times.Reset()
}

// commandTable maps names in lower case to commands. It is not changed after New.
type commandTable map[string]*command

// find looks up what the words of a call mean, without allocating; nil if there is
// no such command or subcommand. A container command without a second word is
// found by itself.
func (t commandTable) find(args [][]byte) *command {
	var buf [catalog.MaxName]byte
	cmd := t[string(catalog.Lower(&buf, args[0]))]
	if cmd == nil || cmd.subs == nil || len(args) == 1 {
		return cmd
	}
	return cmd.subs[string(catalog.Lower(&buf, args[1]))]
}

// container returns the container command of a name, nil if it is none.
func (t commandTable) container(name []byte) *command {
	var buf [catalog.MaxName]byte
	if cmd := t[string(catalog.Lower(&buf, name))]; cmd != nil && cmd.subs != nil {
		return cmd
	}
	return nil
}

// each calls fn for every command and subcommand.
func (t commandTable) each(fn func(*command)) {
	for _, cmd := range t {
		fn(cmd)
		commandTable(cmd.subs).each(fn)
	}
}

// index returns the descriptions of all commands.
func (t commandTable) index() catalog.Index {
	x := make(catalog.Index, len(t))
	for name, cmd := range t {
		x[name] = &cmd.Entry
	}
	return x
}

func newCommandTable() commandTable {
	t := commandTable{}
	for _, spec := range engine.Specs() {
		t.add(dataCommand(&spec))
	}
	for _, list := range [][]*command{
		connectionCommands(), transactionCommands(), pubsubCommands(), serverCommands(), adminCommands(), refusedCommands(),
	} {
		for _, cmd := range list {
			t.add(cmd)
		}
	}
	return t
}

func (t commandTable) add(cmd *command) {
	for name, sub := range cmd.subs {
		if cmd.Subs == nil {
			cmd.Subs = map[string]*catalog.Entry{}
		}
		sub.Group = cmd.Group
		cmd.Subs[name] = &sub.Entry
	}
	if old := t[cmd.Name]; old != nil && old.subs != nil { // some subcommands are the engine's, the others the front's
		maps.Copy(old.subs, cmd.subs)
		maps.Copy(old.Subs, cmd.Subs)
		return
	}
	t[cmd.Name] = cmd
}

// dataCommand describes a command of the engine. One with subcommands (OBJECT) is
// one command there and several here.
func dataCommand(spec *engine.Spec) *command {
	cmd := data(strings.ToLower(spec.Name), spec)
	for _, sub := range catalog.SubsOf(cmd.Name) {
		if cmd.subs == nil {
			cmd.subs = map[string]*command{}
		}
		cmd.subs[sub] = data(cmd.Name+"|"+sub, spec)
	}
	return cmd
}

func data(name string, spec *engine.Spec) *command {
	cmd := &command{Entry: catalog.Describe(name, spec)}
	cmd.reads, cmd.fast = slices.Contains(cmd.Words, "readonly"), slices.Contains(cmd.Words, "fast")
	return cmd
}

// entry makes a command that the front runs itself.
func entry(name string, f catalog.Flags, run func(*conn, [][]byte), summary string) *command {
	cmd := &command{Entry: catalog.Describe(name, nil), run: run}
	cmd.Flags |= f
	cmd.Summary, cmd.fast = summary, slices.Contains(cmd.Words, "fast")
	return cmd
}

// container makes a command of subcommands.
func container(name, summary string, subs ...*command) *command {
	cmd := entry(name, 0, func(*conn, [][]byte) {}, summary)
	cmd.subs = map[string]*command{}
	for _, sub := range subs {
		cmd.subs[strings.TrimPrefix(sub.Name, name+"|")] = sub
	}
	return cmd
}

func grouped(group string, list []*command) []*command {
	for _, cmd := range list {
		cmd.Group = group
	}
	return list
}
