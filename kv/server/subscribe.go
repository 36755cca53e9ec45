package server

import (
	"strings"

	"pingd/kv/resp"
)

// subscriptions are the channels and patterns of one connection.
type subscriptions struct {
	channels, patterns map[string]struct{}
}

func (s *subscriptions) count() int { return len(s.channels) + len(s.patterns) }

// kind tells SUBSCRIBE and PSUBSCRIBE apart.
type kind struct {
	subscribe, unsubscribe string
	names                  func(*subscriptions) *map[string]struct{}
	join                   func(c *conn, name string, joined func())
	leave                  func(c *conn, name string)
}

var channelKind = kind{
	subscribe: "subscribe", unsubscribe: "unsubscribe",
	names: func(s *subscriptions) *map[string]struct{} { return &s.channels },
	join:  func(c *conn, name string, joined func()) { c.srv.hub.Subscribe(c, name, joined) },
	leave: func(c *conn, name string) { c.srv.hub.Unsubscribe(c, name) },
}

var patternKind = kind{
	subscribe: "psubscribe", unsubscribe: "punsubscribe",
	names: func(s *subscriptions) *map[string]struct{} { return &s.patterns },
	join:  func(c *conn, name string, joined func()) { c.srv.hub.SubscribePattern(c, name, joined) },
	leave: func(c *conn, name string) { c.srv.hub.UnsubscribePattern(c, name) },
}

func (c *conn) cmdSubscribe(args [][]byte)    { c.subscribe(channelKind, args[1:]) }
func (c *conn) cmdPSubscribe(args [][]byte)   { c.subscribe(patternKind, args[1:]) }
func (c *conn) cmdUnsubscribe(args [][]byte)  { c.unsubscribe(channelKind, args[1:]) }
func (c *conn) cmdPUnsubscribe(args [][]byte) { c.unsubscribe(patternKind, args[1:]) }

// subscribe joins each name. Its confirmation enters the outbox before any message
// of the new subscription can.
func (c *conn) subscribe(k kind, args [][]byte) {
	c.startOutbox()
	names := k.names(&c.subs)
	if *names == nil {
		*names = map[string]struct{}{}
	}
	for _, arg := range args {
		name := string(arg)
		confirm := func() {
			c.confirm(k.subscribe, &name)
			c.write() //nolint:errcheck // the outbox takes it
		}
		if _, ok := (*names)[name]; ok {
			confirm()
			continue
		}
		(*names)[name] = struct{}{}
		k.join(c, name, confirm)
	}
}

func (c *conn) unsubscribe(k kind, args [][]byte) {
	names := *k.names(&c.subs)
	if len(args) == 0 {
		if len(names) == 0 {
			c.confirm(k.unsubscribe, nil)
			return
		}
		for name := range names {
			args = append(args, []byte(name))
		}
	}
	for _, arg := range args {
		name := string(arg)
		if _, ok := names[name]; ok {
			k.leave(c, name)
			delete(names, name)
		}
		c.confirm(k.unsubscribe, &name)
	}
}

// confirm replies to one name of (P)SUBSCRIBE or (P)UNSUBSCRIBE.
func (c *conn) confirm(what string, name *string) {
	c.out = resp.AppendPush(c.out, c.proto, 3)
	c.bulk(what)
	if name != nil {
		c.bulk(*name)
	} else {
		c.null()
	}
	c.int(int64(c.subs.count()))
}

// unsubscribeAll leaves everything without a reply.
func (c *conn) unsubscribeAll() {
	for _, k := range []kind{channelKind, patternKind} {
		names := *k.names(&c.subs)
		for name := range names {
			k.leave(c, name)
		}
		clear(names)
	}
}

func (c *conn) cmdPublish(args [][]byte) {
	n, err := c.srv.cfg.Store.Publish(c.ctx, args[1], args[2])
	if err != nil {
		c.fail(errorText(err))
		return
	}
	c.int(n)
}

// cmdPubSub is PUBSUB CHANNELS, NUMSUB, NUMPAT: the subscribers of this node.
func (c *conn) cmdPubSub(args [][]byte) {
	hub := c.srv.hub
	switch sub := strings.ToUpper(string(args[1])); {
	case sub == "CHANNELS" && len(args) <= 3:
		var pattern []byte
		if len(args) == 3 {
			pattern = args[2]
		}
		names := hub.Channels(pattern)
		c.array(len(names))
		for _, name := range names {
			c.bulk(name)
		}
	case sub == "NUMSUB":
		c.array(2 * (len(args) - 2))
		for _, name := range args[2:] {
			c.out = resp.AppendBulk(c.out, name)
			c.int(int64(hub.Subscribers(name)))
		}
	case sub == "NUMPAT" && len(args) == 2:
		_, patterns := hub.Counts()
		c.int(int64(patterns))
	case sub == "SHARDCHANNELS" && len(args) <= 3, sub == "SHARDNUMSUB" && len(args) == 2:
		c.array(0)
	case sub == "NUMPAT":
		c.subArity(args, 2)
	case sub == "CHANNELS":
		c.fail("ERR unknown subcommand or wrong number of arguments for '" + cut(args[1], 128) + "'. Try PUBSUB HELP.")
	default:
		c.unknownSubcommand(args)
	}
}
