package engine

import (
	"maps"
	"strings"
	"testing"

	"pingd/kv/engine/call"
	"pingd/kv/engine/value"
)

// newer returns an engine that has a command of the level after the first: it counts
// key "new".
func newer() *Engine {
	e := New(Options{})
	e.commands = maps.Clone(e.commands)
	cmd := call.New("NEWSET", 1, Write, 0, "", func(c *call.Call) {
		c.Set([]byte("new"), &value.Number{N: 1}, false)
		c.OK()
	})
	cmd.Level = 2
	e.commands["NEWSET"] = &cmd
	return e
}

func words(text string) Command {
	c := Command{Proto: 2}
	for _, w := range strings.Fields(text) {
		c.Args = append(c.Args, []byte(w))
	}
	return c
}

func TestAnEntryFindsNoCommandOfAHigherLevel(t *testing.T) {
	for name, c := range map[string]Command{
		"alone":              words("NEWSET"),
		"in a transaction":   {Proto: 2, Txn: &Txn{Cmds: []Command{words("NEWSET")}}},
		"remembered by ONCE": words("ONCE t 1000 NEWSET"),
	} {
		for level, known := range map[uint8]bool{1: false, 2: true, 0: true} {
			e := newer()
			var out Replies
			e.Apply(Stamp{UnixMilli: 1, Level: level}, []Command{c}, &out)
			got := string(out.Buf)
			if strings.Contains(got, "+OK") != known || strings.Contains(got, "unknown command") == known {
				t.Errorf("%s, level %d: %q", name, level, got)
			}
			// Whoever does not have the command at all does the same with level 1.
			if level != 1 {
				continue
			}
			old := New(Options{})
			old.Apply(Stamp{UnixMilli: 1, Level: level}, []Command{c}, &Replies{})
			if old.Digest() != e.Digest() {
				t.Errorf("%s: an old engine and a new one differ", name)
			}
		}
	}
}

func TestLevelOf(t *testing.T) {
	index["NEWSET"] = newer().commands["NEWSET"]
	defer delete(index, "NEWSET")
	for _, c := range []struct {
		cmd  Command
		want uint8
	}{
		{words("SET k v"), 1},
		{words("get k"), 1},
		{words("NOSUCHCOMMAND"), 1},
		{words("newset"), 2},
		{words("ONCE t 1000 NEWSET"), 2},
		{words("ONCE t 1000 SET k v"), 1},
		{words("ONCE t"), 1},
		{Command{Literal: []byte("+OK\r\n")}, 1},
		{Command{}, 1},
		{Command{Txn: &Txn{Cmds: []Command{words("SET k v"), words("NEWSET")}}}, 2},
		{Command{Txn: &Txn{Cmds: []Command{words("SET k v")}}}, 1},
	} {
		if got := LevelOf([]Command{words("SET k v"), c.cmd}); got != c.want {
			t.Errorf("%+v: level %d, want %d", c.cmd, got, c.want)
		}
	}
}

// The list of a level never changes once it is released: its commands are there, and
// whatever else is there is of a later one.
func TestEveryCommandHasALevel(t *testing.T) {
	for name := range levelOne {
		if index[name] == nil {
			t.Errorf("%s of level 1 is gone: entries that hold it could not be applied as before", name)
		}
	}
	for name, cmd := range index {
		if want := levelOf(name); cmd.Level != want || want > Level {
			t.Errorf("%s has level %d, want %d, at most %d", name, cmd.Level, want, Level)
		}
	}
}
