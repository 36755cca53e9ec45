package sentinel

import (
	"context"
	"maps"
	"slices"
	"strings"

	"pingd/kv/resp/reply"
)

// containers are the commands with subcommands.
func containers() map[string]map[string]command {
	return map[string]map[string]command{"sentinel": subcommands, "client": clientCommands()}
}

// command serves as much of COMMAND as interactive clients ask for.
func (c *client) command(_ context.Context, args [][]byte) {
	table := commandTable()
	names := slices.Sorted(maps.Keys(table))
	sub := ""
	if len(args) > 1 {
		sub = strings.ToLower(string(args[1]))
	}
	switch sub {
	case "":
		c.Array(len(names))
		for _, n := range names {
			c.describe(n, table[n])
		}
	case "count":
		c.Int(int64(len(names)))
	case "list":
		for name, subs := range containers() {
			for sub := range subs {
				names = append(names, name+"|"+sub)
			}
		}
		slices.Sort(names)
		c.Strings(names)
	case "docs":
		c.Map(0)
	case "info":
		c.Array(len(args) - 2)
		for _, a := range args[2:] {
			if cmd, ok := lookup(table, a); ok {
				c.describe(strings.ToLower(string(a)), cmd)
			} else {
				c.Null()
			}
		}
	default:
		c.Fail(reply.UnknownSubcommand("command", args[1]))
	}
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
	subs := containers()[name]
	c.Array(len(subs))
	for _, sub := range slices.Sorted(maps.Keys(subs)) {
		c.describe(name+"|"+sub, subs[sub])
	}
}
