package sentinel

import (
	"context"
	"maps"
	"slices"
	"strings"

	"pingd/kv/resp/reply"
)

// commandCommands are the subcommands of COMMAND: as much of it as interactive
// clients ask for. No command here has keys.
func commandCommands() map[string]command {
	keys := func(c *client, _ context.Context, args [][]byte) {
		if _, ok := lookup(commandTable(), args[2]); ok {
			c.Fail("ERR The command has no key arguments")
		} else {
			c.Fail("ERR Invalid command specified")
		}
	}
	return map[string]command{
		"count": {arity: 2, run: func(c *client, _ context.Context, _ [][]byte) { c.Int(int64(len(commandTable()))) }},
		"docs":  {arity: -2, run: func(c *client, _ context.Context, _ [][]byte) { c.Map(0) }},
		// A command with its own arguments is at least two words more.
		"getkeys":         {arity: -4, run: keys},
		"getkeysandflags": {arity: -4, run: keys},
		"help":            {arity: 2, run: func(c *client, _ context.Context, _ [][]byte) { c.Help("COMMAND", commandHelp...) }},
		"info":            {arity: -2, run: (*client).commandInfo},
		"list":            {arity: -2, run: (*client).commandList},
	}
}

// command is COMMAND.
func (c *client) command(ctx context.Context, args [][]byte) {
	if len(args) > 1 {
		container("command")(c, ctx, args)
		return
	}
	c.commandInfo(ctx, [][]byte{nil, nil})
}

// commandInfo is COMMAND INFO [name ...]: all without a name.
func (c *client) commandInfo(_ context.Context, args [][]byte) {
	table, names := commandTable(), args[2:]
	if len(names) == 0 {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			names = append(names, []byte(name))
		}
	}
	c.Array(len(names))
	for _, name := range names {
		if cmd, ok := lookup(table, name); ok {
			c.describe(strings.ToLower(string(name)), cmd)
		} else {
			c.Null()
		}
	}
}

// commandList is COMMAND LIST [FILTERBY PATTERN pattern], of subcommands too.
func (c *client) commandList(_ context.Context, args [][]byte) {
	pattern := "*"
	switch {
	case len(args) == 2:
	case len(args) == 5 && strings.EqualFold(string(args[2]), "FILTERBY") && strings.EqualFold(string(args[3]), "PATTERN"):
		pattern = string(args[4])
	default:
		c.Fail(reply.ErrSyntax)
		return
	}
	names := slices.Collect(maps.Keys(commandTable()))
	for name, subs := range c.s.containers {
		for sub := range subs {
			names = append(names, name+"|"+sub)
		}
	}
	slices.Sort(names)
	c.Strings(slices.DeleteFunc(names, func(name string) bool { return !globMatch(pattern, name) }))
}

// describe appends a command's name and arity, no flags, no keys, and its
// subcommands.
func (c *client) describe(name string, cmd command) {
	c.Array(10)
	c.Bulk(name)
	c.Int(int64(cmd.arity))
	c.Set(0) // flags
	for range 3 {
		c.Int(0) // first and last key, step
	}
	for range 3 {
		c.Set(0) // categories, tips, key specifications
	}
	subs := c.s.containers[name]
	if len(subs) == 0 {
		c.Set(0) // as Redis has it, which gives an array else
		return
	}
	c.Array(len(subs))
	for _, sub := range slices.Sorted(maps.Keys(subs)) {
		c.describe(name+"|"+sub, subs[sub])
	}
}

var commandHelp = []string{
	"(no subcommand)", "    Return details about all commands.",
	"COUNT", "    Return how many there are.",
	"DOCS [<command-name> ...]", "    Always empty.",
	"GETKEYS <full-command>", "    No command here has keys.",
	"INFO [<command-name> ...]", "    Return details about commands.",
	"LIST", "    Return the names of all commands.",
}
