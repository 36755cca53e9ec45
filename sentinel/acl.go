package sentinel

import (
	"context"
	"strings"
)

// aclCommands are the subcommands of ACL, which Sentinel has since Redis 6.2: of one
// user, default, who may do everything.
func aclCommands() map[string]command {
	plain := func(f func(c *client, args [][]byte)) func(*client, context.Context, [][]byte) {
		return func(c *client, _ context.Context, args [][]byte) { f(c, args) }
	}
	refuse := plain(func(c *client, _ [][]byte) {
		c.Fail("ERR users cannot be changed: there is one, default, whose password is the cluster's secret")
	})
	noFile := plain(func(c *client, _ [][]byte) {
		c.Fail("ERR This Redis instance is not configured to use an ACL file. Users are not stored: there is one, default.")
	})
	return map[string]command{
		"deluser": {arity: -3, run: refuse},
		"getuser": {arity: 3, run: plain((*client).aclUser)},
		"help":    {arity: 2, run: plain(func(c *client, _ [][]byte) { c.Help("ACL", aclHelp...) })},
		"list":    {arity: 2, run: plain(func(c *client, _ [][]byte) { c.Strings([]string{"user default on " + c.password() + " ~* &* +@all"}) })},
		"load":    {arity: 2, run: noFile},
		"log":     {arity: -2, run: plain((*client).aclLog)},
		"save":    {arity: 2, run: noFile},
		"setuser": {arity: -3, run: refuse},
		"users":   {arity: 2, run: plain(func(c *client, _ [][]byte) { c.Strings([]string{"default"}) })},
		"whoami":  {arity: 2, run: plain(func(c *client, _ [][]byte) { c.Bulk("default") })},
	}
}

// password is what ACL shows of the password: never anything to attack.
func (c *client) password() string {
	if c.s.cfg.Secret == "" {
		return "nopass"
	}
	return "#" + strings.Repeat("0", 64)
}

// aclUser is ACL GETUSER name.
func (c *client) aclUser(args [][]byte) {
	if string(args[2]) != "default" {
		c.Null()
		return
	}
	flags, passwords := []string{"on", "nopass"}, []string{}
	if c.s.cfg.Secret != "" {
		flags, passwords = flags[:1], []string{c.password()[1:]}
	}
	c.Map(6)
	c.Bulk("flags")
	c.Set(len(flags))
	for _, f := range flags {
		c.Bulk(f)
	}
	c.Bulk("passwords")
	c.Strings(passwords)
	for _, text := range []string{"commands", "+@all", "keys", "~*", "channels", "&*"} {
		c.Bulk(text)
	}
	c.Bulk("selectors")
	c.Array(0)
}

// aclLog is ACL LOG [count|RESET]: no rule refuses anything, so it is empty.
func (c *client) aclLog(args [][]byte) {
	if len(args) == 3 && strings.EqualFold(string(args[2]), "RESET") {
		c.OK()
		return
	}
	c.Array(0)
}

var aclHelp = []string{
	"GETUSER <username>", "    Get the user's details.",
	"LIST", "    Show the user in the form of a configuration file.",
	"LOG [<count> | RESET]", "    Always empty.",
	"USERS", "    List the one user, default.",
	"WHOAMI", "    Return the user of the connection.",
}
