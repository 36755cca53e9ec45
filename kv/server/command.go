package server

import (
	"strings"

	"pingd/kv/engine"
	"pingd/kv/engine/glob"
	"pingd/kv/resp"
)

// cmdCommand is COMMAND [COUNT | INFO | DOCS | GETKEYS | LIST].
func (c *conn) cmdCommand(args [][]byte) {
	if len(args) == 1 {
		c.commandInfos(c.srv.table.shown())
		return
	}
	switch strings.ToUpper(string(args[1])) {
	case "COUNT":
		if c.subArity(args, 2) {
			c.int(int64(len(c.srv.table.shown())))
		}
	case "INFO":
		if len(args) == 2 {
			c.commandInfos(c.srv.table.shown())
			return
		}
		c.commandInfos(c.named(args[2:]))
	case "DOCS":
		list := c.srv.table.shown()
		if len(args) > 2 {
			list = c.named(args[2:])
		}
		c.commandDocs(list)
	case "GETKEYS":
		if c.subArity(args, -3) {
			c.commandKeys(args[2:])
		}
	case "LIST":
		c.commandList(args)
	default:
		c.unknownSubcommand(args)
	}
}

// named looks the names up; nil for those unknown.
func (c *conn) named(names [][]byte) []*command {
	list := make([]*command, len(names))
	for i, name := range names {
		if list[i] = c.srv.table.find(name); list[i] != nil && list[i].flags&flagHidden != 0 {
			list[i] = nil
		}
	}
	return list
}

func (c *conn) commandInfos(list []*command) {
	c.array(len(list))
	for _, cmd := range list {
		if cmd == nil {
			c.out = resp.AppendNullArray(c.out, c.proto)
			continue
		}
		first, last, step := cmd.keys()
		c.array(10)
		c.bulk(cmd.name)
		c.int(int64(cmd.arity))
		c.statusSet(cmd.words())
		c.int(int64(first))
		c.int(int64(last))
		c.int(int64(step))
		c.statusSet(cmd.categories())
		c.array(0) // tips
		c.keySpecs(cmd)
		c.array(0) // subcommands
	}
}

func (c *conn) statusSet(words []string) {
	c.out = resp.AppendSet(c.out, c.proto, len(words))
	for _, w := range words {
		c.out = resp.AppendStatus(c.out, w)
	}
}

// keySpecs writes where the keys are in the form that newer clients read.
func (c *conn) keySpecs(cmd *command) {
	first, last, step := cmd.keys()
	if first == 0 {
		c.array(0)
		return
	}
	if last > 0 {
		last -= first
	}
	access := "RO"
	if cmd.flags&flagWrite != 0 {
		access = "RW"
	}
	c.array(1)
	c.mapHead(3)
	c.bulk("flags")
	c.statusSet([]string{access})
	c.bulk("begin_search")
	c.mapHead(2)
	c.bulk("type")
	c.bulk("index")
	c.bulk("spec")
	c.mapHead(1)
	c.bulk("index")
	c.int(int64(first))
	c.bulk("find_keys")
	c.mapHead(2)
	c.bulk("type")
	c.bulk("range")
	c.bulk("spec")
	c.mapHead(3)
	c.bulk("lastkey")
	c.int(int64(last))
	c.bulk("keystep")
	c.int(int64(step))
	c.bulk("limit")
	c.int(0)
}

func (c *conn) commandDocs(list []*command) {
	known := list[:0:0]
	for _, cmd := range list {
		if cmd != nil {
			known = append(known, cmd)
		}
	}
	c.mapHead(len(known))
	for _, cmd := range known {
		c.bulk(cmd.name)
		c.mapHead(2)
		c.bulk("summary")
		c.bulk(cmd.summary)
		c.bulk("group")
		c.bulk(cmd.group)
	}
}

// commandKeys is COMMAND GETKEYS command [arg ...].
func (c *conn) commandKeys(args [][]byte) {
	cmd := c.srv.table.find(args[0])
	switch {
	case cmd == nil:
		c.fail("ERR Invalid command specified")
		return
	case !cmd.arityOK(len(args)):
		c.fail("ERR Invalid number of arguments specified for command")
		return
	}
	keys := cmd.findKeys(args)
	if len(keys) == 0 {
		c.fail("ERR The command has no key arguments")
		return
	}
	c.array(len(keys))
	for _, k := range keys {
		c.out = resp.AppendBulk(c.out, k)
	}
}

// commandList is COMMAND LIST [FILTERBY (MODULE name | ACLCAT category | PATTERN
// pattern)].
func (c *conn) commandList(args [][]byte) {
	keep := func(*command) bool { return true }
	switch {
	case len(args) == 2:
	case len(args) == 5 && strings.EqualFold(string(args[2]), "FILTERBY"):
		switch value := args[4]; strings.ToUpper(string(args[3])) {
		case "PATTERN":
			keep = func(cmd *command) bool { return glob.Match(value, []byte(cmd.name)) }
		case "ACLCAT":
			want := "@" + strings.ToLower(string(value))
			keep = func(cmd *command) bool { return strings.Contains(strings.Join(cmd.categories(), " ")+" ", want+" ") }
		case "MODULE":
			keep = func(*command) bool { return false }
		default:
			c.fail("ERR syntax error")
			return
		}
	default:
		c.fail("ERR syntax error")
		return
	}
	var names []string
	for _, cmd := range c.srv.table.shown() {
		if keep(cmd) {
			names = append(names, cmd.name)
		}
	}
	c.array(len(names))
	for _, name := range names {
		c.bulk(name)
	}
}

func (c *command) keys() (first, last, step int) {
	switch {
	case c.spec != nil:
		return c.spec.FirstKey, c.spec.LastKey, c.spec.KeyStep
	case c.name == "watch":
		return 1, -1, 1
	}
	return 0, 0, 0
}

// groupCategory names the ACL category of a documentation group.
func groupCategory(group string) string {
	switch group {
	case "generic":
		return "keyspace"
	case "sorted-set":
		return "sortedset"
	}
	return group
}

// findKeys returns the keys among the words of a call.
func (c *command) findKeys(args [][]byte) [][]byte {
	first, last, step := c.keys()
	if first == 0 || step == 0 {
		return nil
	}
	if last < 0 {
		last += len(args)
	}
	var keys [][]byte
	for i := first; i <= last && i < len(args); i += step {
		keys = append(keys, args[i])
	}
	return keys
}

// words are COMMAND's flags.
func (c *command) words() []string {
	var w []string
	add := func(yes bool, word string) {
		if yes {
			w = append(w, word)
		}
	}
	add(c.flags&flagWrite != 0, "write")
	if c.spec != nil {
		add(c.flags&flagWrite == 0, "readonly")
		add(c.spec.Flags&engine.DenyOOM != 0, "denyoom")
		add(c.spec.Flags&engine.Fast != 0, "fast")
		return w
	}
	add(c.flags&flagAdmin != 0, "admin")
	add(c.flags&flagPubSub != 0, "pubsub")
	add(true, "noscript")
	add(true, "loading")
	add(true, "stale")
	add(c.flags&flagAtOnce != 0, "fast")
	add(c.flags&flagNoAuth != 0, "no_auth")
	add(c.flags&flagNoMulti != 0, "no_multi")
	return w
}

// categories are COMMAND's ACL categories.
func (c *command) categories() []string {
	var cats []string
	add := func(yes bool, cat string) {
		if yes {
			cats = append(cats, "@"+cat)
		}
	}
	speed := "slow"
	switch {
	case c.spec != nil:
		add(c.flags&flagWrite != 0, "write")
		add(c.flags&flagWrite == 0, "read")
		add(true, groupCategory(c.spec.Group))
		for _, cat := range c.spec.ACL {
			add(true, cat)
		}
		if c.spec.Flags&engine.Fast != 0 {
			speed = "fast"
		}
	default:
		add(c.flags&flagAdmin != 0, "admin")
		add(c.flags&flagAdmin != 0, "dangerous")
		add(c.flags&flagPubSub != 0, "pubsub")
		add(c.group == "connection", "connection")
		add(c.group == "transactions", "transaction")
		if c.flags&flagAtOnce != 0 {
			speed = "fast"
		}
	}
	add(true, speed)
	return cats
}
