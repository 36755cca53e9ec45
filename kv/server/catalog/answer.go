package catalog

import (
	"slices"
	"strings"

	"pingd/kv/engine/glob"
	"pingd/kv/resp/reply"
)

// All is COMMAND without a subcommand.
func (x Index) All(w *reply.Writer) { infos(w, x.Shown()) }

// Count is COMMAND COUNT.
func (x Index) Count(w *reply.Writer) { w.Int(int64(len(x.Shown()))) }

// Info is COMMAND INFO [name ...]; args are the words of the call.
func (x Index) Info(w *reply.Writer, args [][]byte) {
	if len(args) == 2 {
		x.All(w)
		return
	}
	infos(w, x.named(args[2:]))
}

// named looks the names up; nil for those unknown.
func (x Index) named(names [][]byte) []*Entry {
	list := make([]*Entry, len(names))
	for i, name := range names {
		if list[i] = x.Find(name); list[i] != nil && list[i].Is(Hidden) {
			list[i] = nil
		}
	}
	return list
}

func infos(w *reply.Writer, list []*Entry) {
	w.Array(len(list))
	for _, e := range list {
		if e == nil {
			w.Null()
			continue
		}
		first, last, step := e.places()
		w.Array(10)
		w.Bulk(e.Name)
		w.Int(int64(e.Arity))
		w.Statuses(e.Words)
		w.Int(int64(first))
		w.Int(int64(last))
		w.Int(int64(step))
		w.Statuses(e.ACL)
		w.Set(len(e.Tips))
		for _, t := range e.Tips {
			w.Bulk(t)
		}
		w.Set(len(e.Keys))
		for i := range e.Keys {
			e.Keys[i].info(w)
		}
		infos(w, e.ShownSubs())
	}
}

// info writes where the keys are in the form that newer clients read.
func (k *KeySpec) info(w *reply.Writer) {
	w.Map(3)
	w.Bulk("flags")
	w.Statuses(k.Flags)
	w.Bulk("begin_search")
	w.Map(2)
	w.Bulk("type")
	w.Bulk("index")
	w.Bulk("spec")
	w.Map(1)
	w.Bulk("index")
	w.Int(int64(k.First))
	w.Bulk("find_keys")
	w.Map(2)
	w.Bulk("type")
	w.Bulk("range")
	w.Bulk("spec")
	w.Map(3)
	for _, p := range []struct {
		name  string
		value int
	}{{"lastkey", k.Last}, {"keystep", k.Step}, {"limit", k.Limit}} {
		w.Bulk(p.name)
		w.Int(int64(p.value))
	}
}

// Docs is COMMAND DOCS [name ...]: without arguments, complexity and history.
func (x Index) Docs(w *reply.Writer, args [][]byte) {
	list := x.Shown()
	if len(args) > 2 {
		list = slices.DeleteFunc(x.named(args[2:]), func(e *Entry) bool { return e == nil })
	}
	docs(w, list)
}

func docs(w *reply.Writer, list []*Entry) {
	w.Map(len(list))
	for _, e := range list {
		w.Bulk(e.Name)
		fields := [][2]string{{"summary", e.Summary}, {"since", e.Since}, {"group", e.Group}}
		fields = slices.DeleteFunc(fields, func(f [2]string) bool { return f[1] == "" })
		subs := e.ShownSubs()
		w.Map(len(fields) + min(len(subs), 1))
		for _, f := range fields {
			w.Bulk(f[0])
			w.Bulk(f[1])
		}
		if len(subs) > 0 {
			w.Bulk("subcommands")
			docs(w, subs)
		}
	}
}

// GetKeys is COMMAND GETKEYS, or with the flags of each key COMMAND
// GETKEYSANDFLAGS: command [arg ...].
func (x Index) GetKeys(w *reply.Writer, args [][]byte, withFlags bool) {
	args = args[2:]
	e := x.Call(args)
	switch {
	case e == nil:
		w.Fail("ERR Invalid command specified")
		return
	case len(e.Keys) == 0:
		w.Fail("ERR The command has no key arguments")
		return
	case !e.ArityOK(len(args)):
		w.Fail("ERR Invalid number of arguments specified for command")
		return
	}
	n := 0
	e.EachKey(args, func([]byte) { n++ })
	w.Array(n)
	for i := range e.Keys {
		k := &e.Keys[i]
		k.each(args, func(key []byte) {
			if withFlags {
				w.Array(2)
			}
			w.Bytes(key)
			if withFlags {
				w.Statuses(e.keyFlags(k, args))
			}
		})
	}
}

// List is COMMAND LIST [FILTERBY (MODULE name | ACLCAT category | PATTERN
// pattern)].
func (x Index) List(w *reply.Writer, args [][]byte) {
	keep := func(*Entry) bool { return true }
	if len(args) != 2 {
		if len(args) != 5 || !strings.EqualFold(string(args[2]), "FILTERBY") {
			w.Fail(reply.ErrSyntax)
			return
		}
		value := args[4]
		switch strings.ToUpper(string(args[3])) {
		case "PATTERN":
			keep = func(e *Entry) bool { return glob.Match(lower(value), []byte(e.Name)) }
		case "ACLCAT":
			want := "@" + strings.ToLower(string(value))
			keep = func(e *Entry) bool { return slices.Contains(e.ACL, want) }
		case "MODULE":
			keep = func(*Entry) bool { return false }
		default:
			w.Fail(reply.ErrSyntax)
			return
		}
	}
	w.Strings(x.Names(keep))
}

func lower(b []byte) []byte { return []byte(strings.ToLower(string(b))) }

// Names returns the names of the commands and subcommands that keep picks,
// sorted.
func (x Index) Names(keep func(*Entry) bool) []string {
	var names []string
	for _, e := range x.Shown() {
		if keep(e) {
			names = append(names, e.Name)
		}
		for _, sub := range e.ShownSubs() {
			if keep(sub) {
				names = append(names, sub.Name)
			}
		}
	}
	return names
}

// Help is COMMAND HELP.
func Help(w *reply.Writer) {
	w.Help("COMMAND",
		"(no subcommand)", "    Return details about all commands.",
		"COUNT", "    Return how many there are.",
		"DOCS [<command-name> ...]", "    Return what commands are for.",
		"GETKEYS <full-command>", "    Return the keys of a call.",
		"GETKEYSANDFLAGS <full-command>", "    Return the keys of a call, and how they are used.",
		"INFO [<command-name> ...]", "    Return details about commands.",
		"LIST [FILTERBY (MODULE|ACLCAT|PATTERN) <value>]", "    Return names.")
}
