package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica"
)

// client sends one operation after another, each to some node, and notes what
// came of it. Its operations are all that may change the data.
type client struct {
	w      *world
	id     int
	rng    *rand.Rand
	n      int      // values made
	tokens []string // used before, with the key they belong to
}

// Keys: few, so that clients meet.
const keysOfKind = 3

func (c *client) run(stop <-chan struct{}) {
	for sleep(stop, time.Duration(c.rng.Int64N(int64(30*time.Millisecond)))) {
		p := c.w.process(pick(c.rng, c.w.nodes...))
		if p == nil {
			continue
		}
		kind := pick(c.rng, (*client).incr, (*client).incr, (*client).count, (*client).set, (*client).get, (*client).swap,
			(*client).del, (*client).pipeline, (*client).once, (*client).onceIncr, (*client).setBrief, (*client).getBrief, (*client).local, (*client).local)
		kind(c, p)
	}
}

func command(words ...string) engine.Command {
	cmd := engine.Command{Proto: 2}
	for _, s := range words {
		cmd.Args = append(cmd.Args, []byte(s))
	}
	return cmd
}

// send runs one group and classifies its outcome.
func (c *client) send(p *process, cmds ...engine.Command) (replies []string, o outcome) {
	limit := time.Duration(50+c.rng.IntN(4000)) * time.Millisecond
	replies, err, done := p.do(cmds, limit)
	if o = outcomeOf(err, done); o != answered {
		return nil, o
	}
	return replies, answered
}

// outcomeOf tells what err says of a command's effect.
func outcomeOf(err error, done bool) outcome {
	switch {
	case !done, errors.Is(err, replica.ErrUncertain):
		return unknown
	case err != nil:
		return refused
	}
	return answered
}

// value makes a value that nobody else writes.
func (c *client) value() string {
	c.n++
	return fmt.Sprintf("v%d.%d", c.id, c.n)
}

func (c *client) key(kind string) string { return kind + strconv.Itoa(c.rng.IntN(keysOfKind)) }

func (c *client) incr(p *process) {
	key := c.key("c")
	done := c.w.hist.begin(op{kind: opIncr, key: key, at: p})
	replies, o := c.send(p, command("INCR", key))
	done(o, first(replies))
}

func (c *client) count(p *process) {
	key := c.key("c")
	done := c.w.hist.begin(op{kind: opGet, key: key, at: p})
	replies, o := c.send(p, command("GET", key))
	done(o, first(replies))
}

func (c *client) set(p *process) {
	key, v := c.key("r"), c.value()
	done := c.w.hist.begin(op{kind: opSet, key: key, arg: v, at: p})
	replies, o := c.send(p, command("SET", key, v))
	done(o, first(replies))
}

func (c *client) get(p *process) {
	key := c.key("r")
	done := c.w.hist.begin(op{kind: opGet, key: key, at: p})
	replies, o := c.send(p, command("GET", key))
	done(o, first(replies))
}

func (c *client) del(p *process) {
	if c.rng.IntN(3) > 0 {
		return
	}
	key := c.key("r")
	done := c.w.hist.begin(op{kind: opDel, key: key, at: p})
	replies, o := c.send(p, command("DEL", key))
	done(o, first(replies))
}

// pipeline sends a group whose parts are operations of their own.
func (c *client) pipeline(p *process) {
	a, b := c.key("c"), c.key("c")
	var cmds []engine.Command
	var dones []func(outcome, string)
	for _, o := range []op{{kind: opGet, key: b}, {kind: opIncr, key: a}, {kind: opGet, key: a}, {kind: opIncr, key: b}, {kind: opGet, key: b}} {
		o.at = p
		word := "GET"
		if o.kind == opIncr {
			word = "INCR"
		}
		cmds = append(cmds, command(word, o.key))
		dones = append(dones, c.w.hist.begin(o))
	}
	replies, o := c.send(p, cmds...)
	for i, done := range dones {
		if o == answered {
			done(o, replies[i])
		} else {
			done(o, "")
		}
	}
}

// swap is WATCH, GET, MULTI, SET, EXEC.
func (c *client) swap(p *process) {
	key, v := c.key("r"), c.value()
	watched, o := c.send(p, command("PINGD.VERSION", key), command("PINGD.REMOVED", key))
	if o != answered {
		return
	}
	got := c.w.hist.begin(op{kind: opGet, key: key, at: p})
	replies, o := c.send(p, command("GET", key))
	if o != answered {
		got(o, "")
		return
	}
	got(o, replies[0])
	old := text(replies[0])
	version, err := strconv.ParseUint(number(watched[0]), 10, 64)
	if err != nil {
		c.w.fail("PINGD.VERSION %s answers %q", key, watched[0])
		return
	}
	if version == 0 { // it may have come and gone
		replies, o = c.send(p, command("PINGD.VERSION", key), command("PINGD.REMOVED", key))
		if o != answered || !slices.Equal(replies, watched) {
			return
		}
	}
	done := c.w.hist.begin(op{kind: opSwap, key: key, old: old, arg: v, at: p})
	txn := &engine.Txn{Watch: []engine.Watch{{Key: []byte(key), Version: version}}, Cmds: []engine.Command{command("SET", key, v)}}
	replies, o = c.send(p, engine.Command{Proto: 2, Txn: txn})
	done(o, first(replies))
}

// once is one INCR under a token, sent until somebody answers, and sometimes again
// after that.
func (c *client) once(p *process) {
	c.n++
	key, token := c.key("o"), fmt.Sprintf("t%d.%d", c.id, c.n)
	done := c.w.hist.begin(op{kind: opIncr, key: key, at: p, token: token})
	total, reply := refused, ""
	for range 4 {
		if p == nil {
			p = c.w.process(pick(c.rng, c.w.nodes...))
			if p == nil {
				pass(10 * time.Millisecond)
				continue
			}
		}
		replies, o := c.send(p, command("ONCE", token, "600000", "INCR", key))
		p = nil
		if o == unknown {
			total = unknown
		}
		if o != answered {
			continue
		}
		if total == answered && first(replies) != reply {
			c.w.fail("token %s got %q, then %q", token, reply, replies[0])
		}
		total, reply = answered, first(replies)
		if c.rng.IntN(2) == 0 {
			break
		}
	}
	done(total, reply)
}

// onceIncr asks for numbers for a batch of tokens, some of them asked for before.
func (c *client) onceIncr(p *process) {
	c.n++
	key := fmt.Sprintf("b%d", c.id%keysOfKind)
	words := []string{"ONCEINCR", key, "600000"}
	if n := len(c.tokens); n > 0 && c.rng.IntN(2) == 0 {
		words = append(words, c.tokens[c.rng.IntN(n)])
	}
	for i := range 1 + c.rng.IntN(3) {
		t := fmt.Sprintf("u%d.%d.%d", c.id, c.n, i)
		words, c.tokens = append(words, t), append(c.tokens, t)
	}
	tokens := words[3:]
	c.w.hist.ask(key, tokens)
	replies, o := c.send(p, command(words...))
	var numbers []string
	if o == answered {
		numbers = strings.Split(strings.TrimSuffix(first(replies), "\r\n"), "\r\n")[1:]
		if len(numbers) != len(tokens) {
			c.w.fail("ONCEINCR of %d tokens answers %q", len(tokens), replies[0])
			return
		}
	}
	c.w.hist.got(key, tokens, numbers, o)
}

// brief keys end by themselves.
func (c *client) setBrief(p *process) {
	key, v, ms := c.key("e"), c.value(), 20+c.rng.IntN(1500)
	done := c.w.hist.begin(op{kind: opSet, key: key, arg: v, ms: ms, at: p})
	replies, o := c.send(p, command("SET", key, v, "PX", strconv.Itoa(ms)))
	done(o, first(replies))
}

func (c *client) getBrief(p *process) {
	key := c.key("e")
	done := c.w.hist.begin(op{kind: opGet, key: key, at: p})
	replies, o := c.send(p, command("GET", key))
	done(o, first(replies))
}

// local reads a counter from the node's own data.
func (c *client) local(p *process) {
	key := c.key("c")
	if !p.thawed() {
		return
	}
	begun := time.Now()
	var out engine.Replies
	if err := p.r.ReadLocal([]engine.Command{command("GET", key)}, &out); err != nil || p.isGone() {
		return
	}
	c.w.hist.sawLocal(local{key: key, at: p, begun: begun, number: number(string(out.At(0)))})
}

func first(replies []string) string {
	if len(replies) == 0 {
		return ""
	}
	return replies[0]
}

// text is the value of a bulk reply; "" for null.
func text(reply string) string {
	if reply == "$-1\r\n" {
		return ""
	}
	_, v, _ := strings.Cut(strings.TrimSuffix(reply, "\r\n"), "\r\n")
	return v
}

// number is the digits of an integer or bulk reply, "0" for null.
func number(reply string) string {
	if strings.HasPrefix(reply, ":") {
		return strings.TrimSuffix(reply[1:], "\r\n")
	}
	if v := text(reply); v != "" {
		return v
	}
	return "0"
}

// one is a group of one command.
func one(words ...string) []engine.Command { return []engine.Command{command(words...)} }
