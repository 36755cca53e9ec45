package sentinel

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strconv"
	"strings"

	"pingd/kv/resp"
)

// command is one entry of a table: of commands, or of SENTINEL's subcommands.
type command struct {
	arity int // words, the (sub)command's own included; -n = at least n
	run   func(c *client, ctx context.Context, args [][]byte)

	early bool // allowed before AUTH
	quiet bool // allowed while subscribed in RESP2
}

// commands are those that Redis Sentinel serves beside SENTINEL itself, and
// RESET. Filled by a function since some entries look into the table.
var commands = commandTable()

func commandTable() map[string]command {
	return map[string]command{
		"auth":         {arity: -2, run: (*client).auth, early: true},
		"client":       {arity: -2, run: (*client).client},
		"command":      {arity: -1, run: (*client).command},
		"hello":        {arity: -1, run: (*client).hello, early: true},
		"info":         {arity: -1, run: (*client).info},
		"ping":         {arity: -1, run: (*client).ping, quiet: true},
		"psubscribe":   {arity: -2, run: subscriber(true, true), quiet: true},
		"publish":      {arity: 3, run: (*client).publish},
		"punsubscribe": {arity: -1, run: subscriber(true, false), quiet: true},
		"quit":         {arity: -1, run: (*client).bye, early: true, quiet: true},
		"reset":        {arity: 1, run: (*client).reset, early: true, quiet: true},
		"role":         {arity: 1, run: (*client).role},
		"sentinel":     {arity: -2, run: (*client).sentinel},
		"shutdown":     {arity: -1, run: (*client).shutdown},
		"subscribe":    {arity: -2, run: subscriber(false, true), quiet: true},
		"unsubscribe":  {arity: -1, run: subscriber(false, false), quiet: true},
	}
}

// lookup finds a table's entry in any spelling.
func lookup(table map[string]command, name []byte) (command, bool) {
	var lower [32]byte
	if len(name) > len(lower) {
		return command{}, false
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower[i] = b
	}
	cmd, ok := table[string(lower[:len(name)])]
	return cmd, ok
}

func (cmd command) accepts(words int) bool {
	if cmd.arity < 0 {
		return words >= -cmd.arity
	}
	return words == cmd.arity
}

// execute carries out one command and appends its reply to c.out.
func (c *client) execute(ctx context.Context, args [][]byte) {
	cmd, ok := lookup(commands, args[0])
	name := strings.ToLower(string(args[0][:min(len(args[0]), 128)]))
	switch {
	case !ok:
		c.fail(unknownCommand(args))
	case !cmd.accepts(len(args)):
		c.fail("ERR wrong number of arguments for '" + name + "' command")
	case !c.authed && !cmd.early:
		c.fail("NOAUTH Authentication required.")
	case c.proto == resp.RESP2 && !cmd.quiet && c.subs.count() > 0:
		c.fail("ERR Can't execute '" + name +
			"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
	default:
		cmd.run(c, ctx, args)
	}
}

// unknownCommand is Redis's text, which repeats at most 128 bytes of each part.
func unknownCommand(args [][]byte) string {
	var b strings.Builder
	b.WriteString("ERR unknown command '" + string(args[0][:min(len(args[0]), 128)]) + "', with args beginning with: ")
	start := b.Len()
	for _, a := range args[1:] {
		if left := 128 - (b.Len() - start); left > 0 {
			b.WriteString("'" + string(a[:min(len(a), left)]) + "' ")
		}
	}
	return b.String()
}

func (c *client) fail(text string)   { c.out = resp.AppendError(c.out, text) }
func (c *client) status(text string) { c.out = resp.AppendStatus(c.out, text) }
func (c *client) bulk(text string)   { c.out = resp.AppendBulkString(c.out, text) }
func (c *client) ok()                { c.status("OK") }

func (c *client) ping(_ context.Context, args [][]byte) {
	text := ""
	if len(args) == 2 {
		text = string(args[1])
	}
	switch {
	case len(args) > 2:
		c.fail("ERR wrong number of arguments for 'ping' command")
	case c.proto == resp.RESP2 && c.subs.count() > 0:
		c.out = resp.AppendArray(c.out, 2)
		c.bulk("pong")
		c.bulk(text)
	case len(args) == 2:
		c.bulk(text)
	default:
		c.status("PONG")
	}
}

func (c *client) bye(context.Context, [][]byte) {
	c.ok()
	c.quit = true
}

func (c *client) reset(context.Context, [][]byte) {
	for _, pattern := range []bool{false, true} {
		for _, name := range c.subs.names(pattern) {
			c.subs.change(pattern, false, name)
		}
	}
	c.setProto(resp.RESP2)
	c.name, c.authed = "", c.s.cfg.Secret == ""
	if !c.authed {
		c.reader.SetLimits(resp.BeforeAuth())
	}
	c.status("RESET")
}

func (c *client) shutdown(context.Context, [][]byte) {
	c.fail("ERR SHUTDOWN: this Sentinel endpoint is part of pingd. Stop the process by SIGTERM instead")
}

func (c *client) publish(_ context.Context, args [][]byte) {
	if string(args[1]) != "__sentinel__:hello" {
		c.fail("ERR Only HELLO messages are accepted by Sentinel instances.")
		return
	}
	// Another Sentinel introduces itself. The nodes are known from Raft.
	c.out = resp.AppendInt(c.out, 1)
}

func (c *client) role(context.Context, [][]byte) {
	c.out = resp.AppendArray(c.out, 2)
	c.bulk("sentinel")
	st, _ := c.s.refresh()
	if !st.known {
		c.out = resp.AppendArray(c.out, 0)
		return
	}
	c.out = resp.AppendArray(c.out, 1)
	c.bulk(c.s.cfg.MasterName)
}

const (
	wrongPassword = "WRONGPASS invalid username-password pair or user is disabled."
	noPassword    = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	helloFirst = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> " +
		"AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version " +
		"at the same time"
)

func (c *client) auth(_ context.Context, args [][]byte) {
	user, password := "default", args[1]
	switch {
	case len(args) > 3:
		c.fail("ERR syntax error")
		return
	case len(args) == 3:
		user, password = string(args[1]), args[2]
	case c.s.cfg.Secret == "":
		c.fail(noPassword)
		return
	}
	if !c.login(user, password) {
		c.fail(wrongPassword)
		return
	}
	c.ok()
}

// login checks a password in a time that does not depend on where it differs.
func (c *client) login(user string, password []byte) bool {
	want, got := sha256.Sum256([]byte(c.s.cfg.Secret)), sha256.Sum256(password)
	right := subtle.ConstantTimeCompare(want[:], got[:]) == 1 || c.s.cfg.Secret == ""
	if user != "default" || !right {
		return false
	}
	c.authed = true
	c.reader.SetLimits(limits)
	return true
}

func (c *client) setProto(p uint8) {
	c.proto = p
	c.subs.setProto(p)
}

func (c *client) hello(_ context.Context, args [][]byte) {
	proto := c.proto
	if len(args) > 1 {
		n, err := strconv.ParseInt(string(args[1]), 10, 64)
		if err != nil {
			c.fail("ERR Protocol version is not an integer or out of range")
			return
		}
		if n != resp.RESP2 && n != resp.RESP3 {
			c.fail("NOPROTO unsupported protocol version")
			return
		}
		proto = uint8(n)
	}
	name := c.name
	for i := 2; i < len(args); {
		option, more := strings.ToLower(string(args[i])), len(args)-i-1
		switch {
		case option == "auth" && more >= 2:
			if !c.login(string(args[i+1]), args[i+2]) {
				c.fail(wrongPassword)
				return
			}
			i += 3
		case option == "setname" && more >= 1:
			if name = string(args[i+1]); !validName(name) {
				c.fail(badClientName)
				return
			}
			i += 2
		default:
			c.fail("ERR Syntax error in HELLO option '" + string(args[i]) + "'")
			return
		}
	}
	if !c.authed {
		c.fail(helloFirst)
		return
	}
	c.name = name
	c.setProto(proto)
	c.out = resp.AppendMap(c.out, c.proto, 6)
	c.bulk("server")
	c.bulk("redis")
	c.bulk("version")
	c.bulk(redisVersion)
	c.bulk("proto")
	c.out = resp.AppendInt(c.out, int64(c.proto))
	c.bulk("id")
	c.out = resp.AppendInt(c.out, c.id)
	c.bulk("mode")
	c.bulk("sentinel")
	c.bulk("modules")
	c.out = resp.AppendArray(c.out, 0)
}

// subscriber makes the four commands that change subscriptions.
func subscriber(pattern, add bool) func(*client, context.Context, [][]byte) {
	kind := "subscribe"
	if !add {
		kind = "unsubscribe"
	}
	if pattern {
		kind = "p" + kind
	}
	return func(c *client, _ context.Context, args [][]byte) {
		names := make([]string, 0, len(args)-1)
		for _, a := range args[1:] {
			names = append(names, string(a))
		}
		if len(names) == 0 {
			names = c.subs.names(pattern)
			slices.Sort(names)
		}
		if len(names) == 0 {
			c.out = resp.AppendPush(c.out, c.proto, 3)
			c.bulk(kind)
			c.out = resp.AppendNull(c.out, c.proto)
			c.out = resp.AppendInt(c.out, int64(c.subs.count()))
			return
		}
		if add {
			c.s.hub.join(c)
		}
		for _, name := range names {
			count, ok := c.subs.change(pattern, add, name)
			if !ok {
				c.fail("ERR too many subscriptions, or too long a name")
				return
			}
			c.out = resp.AppendPush(c.out, c.proto, 3)
			c.bulk(kind)
			c.bulk(name)
			c.out = resp.AppendInt(c.out, int64(count))
		}
	}
}
