package catalog

import (
	"strings"

	"pingd/kv/engine/glob"
	"pingd/kv/resp"
)

// Answer appends the reply to a call of COMMAND to dst, or returns the text of
// the error to reply. proto is the protocol version of the connection.
func (x Index) Answer(dst []byte, proto uint8, args [][]byte) (reply []byte, problem string) {
	a := answer{index: x, proto: proto, out: dst}
	a.command(args)
	if a.problem != "" {
		return dst, a.problem
	}
	return a.out, ""
}

type answer struct {
	index   Index
	proto   uint8
	out     []byte
	problem string
}

func (a *answer) fail(problem string) { a.problem = problem }
func (a *answer) int(n int64)         { a.out = resp.AppendInt(a.out, n) }
func (a *answer) bulk(s string)       { a.out = resp.AppendBulkString(a.out, s) }
func (a *answer) array(n int)         { a.out = resp.AppendArray(a.out, n) }
func (a *answer) mapHead(n int)       { a.out = resp.AppendMap(a.out, a.proto, n) }

// arity checks the number of words of a subcommand.
func (a *answer) arity(args [][]byte, want int) bool {
	if len(args) == want || want < 0 && len(args) >= -want {
		return true
	}
	a.fail("ERR wrong number of arguments for 'command|" + strings.ToLower(string(args[1])) + "' command")
	return false
}

// command is COMMAND [COUNT | INFO | DOCS | GETKEYS | LIST].
func (a *answer) command(args [][]byte) {
	if len(args) == 1 {
		a.commandInfos(a.index.Shown())
		return
	}
	switch strings.ToUpper(string(args[1])) {
	case "COUNT":
		if a.arity(args, 2) {
			a.int(int64(len(a.index.Shown())))
		}
	case "INFO":
		if len(args) == 2 {
			a.commandInfos(a.index.Shown())
			return
		}
		a.commandInfos(a.named(args[2:]))
	case "DOCS":
		list := a.index.Shown()
		if len(args) > 2 {
			list = a.named(args[2:])
		}
		a.commandDocs(list)
	case "GETKEYS":
		if a.arity(args, -4) {
			a.commandKeys(args[2:])
		}
	case "LIST":
		a.commandList(args)
	default:
		a.fail("ERR unknown subcommand '" + string(args[1][:min(len(args[1]), 128)]) + "'. Try COMMAND HELP.")
	}
}

// named looks the names up; nil for those unknown.
func (a *answer) named(names [][]byte) []*Entry {
	list := make([]*Entry, len(names))
	for i, name := range names {
		if list[i] = a.index.Find(name); list[i] != nil && list[i].Is(Hidden) {
			list[i] = nil
		}
	}
	return list
}

func (a *answer) commandInfos(list []*Entry) {
	a.array(len(list))
	for _, cmd := range list {
		if cmd == nil {
			a.out = resp.AppendNull(a.out, a.proto)
			continue
		}
		first, last, step := cmd.keys()
		a.array(10)
		a.bulk(cmd.Name)
		a.int(int64(cmd.Arity))
		a.statusSet(cmd.words())
		a.int(int64(first))
		a.int(int64(last))
		a.int(int64(step))
		a.statusSet(cmd.categories())
		a.array(0) // tips
		a.keySpecs(cmd)
		a.array(0) // subcommands
	}
}

func (a *answer) statusSet(words []string) {
	a.out = resp.AppendSet(a.out, a.proto, len(words))
	for _, w := range words {
		a.out = resp.AppendStatus(a.out, w)
	}
}

// keySpecs writes where the keys are in the form that newer clients read.
func (a *answer) keySpecs(cmd *Entry) {
	first, last, step := cmd.keys()
	if first == 0 {
		a.array(0)
		return
	}
	if last > 0 {
		last -= first
	}
	access := "RO"
	if cmd.Is(Write) {
		access = "RW"
	}
	a.array(1)
	a.mapHead(3)
	a.bulk("flags")
	a.statusSet([]string{access})
	a.bulk("begin_search")
	a.mapHead(2)
	a.bulk("type")
	a.bulk("index")
	a.bulk("spec")
	a.mapHead(1)
	a.bulk("index")
	a.int(int64(first))
	a.bulk("find_keys")
	a.mapHead(2)
	a.bulk("type")
	a.bulk("range")
	a.bulk("spec")
	a.mapHead(3)
	a.bulk("lastkey")
	a.int(int64(last))
	a.bulk("keystep")
	a.int(int64(step))
	a.bulk("limit")
	a.int(0)
}

func (a *answer) commandDocs(list []*Entry) {
	known := list[:0:0]
	for _, cmd := range list {
		if cmd != nil {
			known = append(known, cmd)
		}
	}
	a.mapHead(len(known))
	for _, cmd := range known {
		a.bulk(cmd.Name)
		a.mapHead(2)
		a.bulk("summary")
		a.bulk(cmd.Summary)
		a.bulk("group")
		a.bulk(cmd.Group)
	}
}

// commandKeys is COMMAND GETKEYS command [arg ...].
func (a *answer) commandKeys(args [][]byte) {
	cmd := a.index.Find(args[0])
	switch {
	case cmd == nil:
		a.fail("ERR Invalid command specified")
		return
	case !cmd.ArityOK(len(args)):
		a.fail("ERR Invalid number of arguments specified for command")
		return
	}
	keys := cmd.findKeys(args)
	if len(keys) == 0 {
		a.fail("ERR The command has no key arguments")
		return
	}
	a.array(len(keys))
	for _, k := range keys {
		a.out = resp.AppendBulk(a.out, k)
	}
}

// commandList is COMMAND LIST [FILTERBY (MODULE name | ACLCAT category | PATTERN
// pattern)].
func (a *answer) commandList(args [][]byte) {
	keep := func(*Entry) bool { return true }
	switch {
	case len(args) == 2:
	case len(args) == 5 && strings.EqualFold(string(args[2]), "FILTERBY"):
		switch value := args[4]; strings.ToUpper(string(args[3])) {
		case "PATTERN":
			keep = func(cmd *Entry) bool { return glob.Match(value, []byte(cmd.Name)) }
		case "ACLCAT":
			want := "@" + strings.ToLower(string(value))
			keep = func(cmd *Entry) bool { return strings.Contains(strings.Join(cmd.categories(), " ")+" ", want+" ") }
		case "MODULE":
			keep = func(*Entry) bool { return false }
		default:
			a.fail("ERR syntax error")
			return
		}
	default:
		a.fail("ERR syntax error")
		return
	}
	var names []string
	for _, cmd := range a.index.Shown() {
		if keep(cmd) {
			names = append(names, cmd.Name)
		}
	}
	a.array(len(names))
	for _, name := range names {
		a.bulk(name)
	}
}
