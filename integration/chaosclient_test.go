package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/integration/linear"
	"pingd/integration/procs"
	"pingd/integration/procs/wire"
)

// Few keys, so that clients meet; new registers now and then, so that histories stay
// short enough to be searched.
const (
	chaosCounters  = 2
	chaosRegisters = 3
	chaosAccounts  = 4
	registerLife   = 1500 * time.Millisecond
)

// chaos is what all clients of one run share.
type chaos struct {
	t      *testing.T
	start  time.Time
	stores []*procs.Node
	stop   atomic.Bool

	counters [chaosCounters]*linear.Counter
	tickets  *linear.Counter // INCR under tokens
	pushed   *linear.List
	audits   atomic.Int64
	moved    atomic.Int64

	mu        sync.Mutex
	registers map[string]*linear.Register
	brief     []*briefKey // that may still be seen
	ended     []*briefKey
}

type briefKey struct {
	name string
	*linear.Brief
}

func newChaos(t *testing.T, stores []*procs.Node) *chaos {
	c := &chaos{t: t, start: time.Now(), stores: stores, registers: map[string]*linear.Register{}}
	for i := range c.counters {
		c.counters[i] = linear.NewCounter(c.start)
	}
	c.tickets, c.pushed = linear.NewCounter(c.start), linear.NewList(c.start)
	return c
}

// visitor is one client: it sends one thing after the other, to one store as long as
// that answers.
type visitor struct {
	*chaos
	id    int
	rng   *rand.Rand
	conn  *wire.Conn // nil while there is none
	store *procs.Node
	n     int // things made so far
}

// turns are what a visitor does, as often as each is listed.
var turns = []func(*visitor){
	(*visitor).incr, (*visitor).incr, (*visitor).count, (*visitor).old, (*visitor).ticket, (*visitor).ticket,
	(*visitor).set, (*visitor).set, (*visitor).get, (*visitor).get, (*visitor).get, (*visitor).del, (*visitor).swap, (*visitor).swap,
	(*visitor).move, (*visitor).move, (*visitor).audit, (*visitor).push, (*visitor).setBrief, (*visitor).lookBrief, (*visitor).lookBrief,
}

func (v *visitor) run() {
	defer v.leave()
	for !v.stop.Load() {
		turns[v.rng.IntN(len(turns))](v)
		if v.rng.IntN(50) == 0 {
			v.leave() // and come back elsewhere
		}
	}
}

func (v *visitor) leave() {
	if v.conn != nil {
		_ = v.conn.Close()
		v.conn = nil
	}
}

// ask sends commands in one write and returns their replies, with what the last one's
// says of them all.
func (v *visitor) ask(cmds ...[]string) ([]wire.Reply, linear.Outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(200+v.rng.IntN(4000))*time.Millisecond)
	defer cancel()
	if v.conn == nil {
		v.store = v.stores[v.rng.IntN(len(v.stores))]
		conn, err := wire.Dial(ctx, v.store.Redis)
		if err != nil {
			<-time.After(5 * time.Millisecond)
			return nil, linear.Refused
		}
		v.conn = conn
	}
	var b []byte
	for _, cmd := range cmds {
		b = wire.AppendCommand(b, cmd...)
	}
	until, _ := ctx.Deadline()
	err := v.conn.SetDeadline(until)
	if err == nil {
		err = v.conn.Send(b)
	}
	var replies []wire.Reply
	for range cmds {
		var r wire.Reply
		if err == nil {
			r, err = v.conn.Read()
		}
		replies = append(replies, r)
	}
	last := replies[len(replies)-1]
	switch {
	case err != nil:
		v.leave()
		return nil, linear.Unknown
	case last.Kind != '-':
		return replies, linear.Answered
	case strings.HasPrefix(last.Text, "UNCERTAIN"):
		return nil, linear.Unknown
	}
	<-time.After(2 * time.Millisecond) // it was refused at once, and would be again
	return nil, linear.Refused
}

// cmd splits a command at its spaces.
func cmd(format string, args ...any) []string { return strings.Fields(fmt.Sprintf(format, args...)) }

// number is an integer reply, or a bulk one that holds a number; 0 for nil.
func (v *visitor) number(r wire.Reply) int64 {
	if r.Kind == ':' || r.Nil {
		return r.Int
	}
	n, err := strconv.ParseInt(r.Text, 10, 64)
	if err != nil {
		v.t.Errorf("%c %q is no number", r.Kind, r.Text)
	}
	return n
}

func (v *visitor) incr() {
	i := v.rng.IntN(chaosCounters)
	began := v.counters[i].Begin(true)
	replies, o := v.ask(cmd("INCR n%d", i))
	v.ended(v.counters[i], began, o, replies)
}

func (v *visitor) count() {
	i := v.rng.IntN(chaosCounters)
	began := v.counters[i].Begin(false)
	replies, o := v.ask(cmd("GET n%d", i))
	v.ended(v.counters[i], began, o, replies)
}

func (v *visitor) ended(h *linear.Counter, began linear.Count, o linear.Outcome, replies []wire.Reply) {
	n := int64(0)
	if o == linear.Answered {
		n = v.number(replies[0])
	}
	h.End(began, o, n)
}

// old reads what the store has, by itself.
func (v *visitor) old() {
	i := v.rng.IntN(chaosCounters)
	began := v.counters[i].Begin(false)
	if replies, o := v.ask(cmd("READONLY"), cmd("GET n%d", i), cmd("READWRITE")); o == linear.Answered && replies[1].Kind != '-' {
		v.counters[i].EndLocal(began, v.number(replies[1]))
	}
}

// ticket draws a number under a token, until somebody answers, and then perhaps asks
// again.
func (v *visitor) ticket() {
	v.n++
	once := cmd("ONCE t%d.%d 600000 INCR tickets", v.id, v.n)
	began, all := v.tickets.Begin(true), linear.Refused
	for range 6 {
		replies, o := v.ask(once)
		if o == linear.Unknown {
			all = linear.Unknown
		}
		if o != linear.Answered {
			continue
		}
		v.tickets.End(began, o, v.number(replies[0]))
		if v.rng.IntN(3) == 0 {
			if again, o := v.ask(once); o == linear.Answered && v.number(again[0]) != v.number(replies[0]) {
				v.t.Errorf("%v: %d, and then %d", once, replies[0].Int, again[0].Int)
			}
		}
		return
	}
	v.tickets.End(began, all, 0)
}

// register returns a key and its history.
func (v *visitor) register() (string, *linear.Register) {
	key := fmt.Sprintf("r%d.%d", time.Since(v.start)/registerLife, v.rng.IntN(chaosRegisters))
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.registers[key]
	if h == nil {
		h = linear.NewRegister(v.start)
		v.registers[key] = h
	}
	return key, h
}

func (v *visitor) value() string {
	v.n++
	return fmt.Sprintf("%d.%d", v.id, v.n)
}

func (v *visitor) set() {
	key, h := v.register()
	began := h.Begin(v.id, linear.Access{Kind: linear.Set, Arg: v.value()})
	_, o := v.ask(cmd("SET %s %s", key, began.Arg))
	h.End(began, o, "OK")
}

func (v *visitor) get() {
	key, h := v.register()
	began := h.Begin(v.id, linear.Access{Kind: linear.Get})
	answer := ""
	replies, o := v.ask(cmd("GET %s", key))
	if o == linear.Answered {
		answer = replies[0].Text
	}
	h.End(began, o, answer)
}

func (v *visitor) del() {
	key, h := v.register()
	began := h.Begin(v.id, linear.Access{Kind: linear.Del})
	answer := ""
	replies, o := v.ask(cmd("DEL %s", key))
	if o == linear.Answered {
		answer = strconv.FormatInt(replies[0].Int, 10)
	}
	h.End(began, o, answer)
}

// swap sets a key if nobody else has since it was read.
func (v *visitor) swap() {
	key, h := v.register()
	read := h.Begin(v.id, linear.Access{Kind: linear.Get})
	replies, o := v.ask(cmd("WATCH %s", key), cmd("GET %s", key))
	if o != linear.Answered || replies[0].Kind == '-' {
		return
	}
	h.End(read, o, replies[1].Text)
	store := v.conn
	began := h.Begin(v.id, linear.Access{Kind: linear.Swap, Old: replies[1].Text, Arg: v.value()})
	replies, o = v.ask(cmd("MULTI"), cmd("SET %s %s", key, began.Arg), cmd("EXEC"))
	answer := ""
	if o == linear.Answered {
		if answer = "1"; replies[2].Nil {
			answer = "0"
		}
	}
	if v.conn != nil && v.conn != store {
		v.t.Error("a transaction went to another connection than its WATCH")
	}
	h.End(began, o, answer)
}

// move takes from one account what it gives to another.
func (v *visitor) move() {
	from, to, n := v.rng.IntN(chaosAccounts), v.rng.IntN(chaosAccounts), 1+v.rng.IntN(9)
	if _, o := v.ask(cmd("MULTI"), cmd("DECRBY a%d %d", from, n), cmd("INCRBY a%d %d", to, n), cmd("EXEC")); o == linear.Answered {
		v.moved.Add(1)
	}
}

// audit reads all accounts: they hold nothing together, whatever was moved.
func (v *visitor) audit() {
	replies, o := v.ask(cmd("MULTI"), cmd("MGET a0 a1"), cmd("GET a2"), cmd("GET a3"), cmd("EXEC"))
	if v.rng.IntN(2) == 0 {
		replies, o = v.ask(cmd("MGET a0 a1 a2 a3"))
	}
	if o != linear.Answered {
		return
	}
	sum, held := int64(0), []wire.Reply{}
	for _, r := range replies[len(replies)-1].Items {
		if r.Kind == '*' {
			held = append(held, r.Items...)
		} else {
			held = append(held, r)
		}
	}
	for _, r := range held {
		sum += v.number(r)
	}
	v.audits.Add(1)
	if sum != 0 || len(held) != chaosAccounts {
		v.t.Errorf("%s: the accounts hold %d: %v", v.store.Name(), sum, held)
	}
}

func (v *visitor) push() {
	x := v.value()
	v.pushed.Begin(x)
	_, o := v.ask(cmd("APPEND list %s;", x))
	v.pushed.End(x, o)
}

func (v *visitor) setBrief() {
	ttl := time.Duration(30+v.rng.IntN(1500)) * time.Millisecond
	k := &briefKey{name: "e" + v.value(), Brief: linear.BeginBrief(v.start, ttl)}
	v.mu.Lock()
	v.brief = append(v.brief, k)
	v.mu.Unlock()
	how := [][]string{cmd("SET %s v PX %d", k.name, ttl.Milliseconds())}
	if v.rng.IntN(2) == 0 {
		how = [][]string{cmd("MULTI"), cmd("SET %s v", k.name), cmd("PEXPIRE %s %d", k.name, ttl.Milliseconds()), cmd("EXEC")}
	}
	_, o := v.ask(how...)
	k.End(o)
}

func (v *visitor) lookBrief() {
	v.mu.Lock()
	var k *briefKey
	if n := len(v.brief); n > 0 {
		if k = v.brief[v.rng.IntN(n)]; k.Over() {
			v.chaos.ended = append(v.chaos.ended, k)
			for i, other := range v.brief {
				if other == k {
					v.brief[i] = v.brief[n-1]
				}
			}
			v.brief = v.brief[:n-1]
		}
	}
	v.mu.Unlock()
	if k == nil {
		return
	}
	began := k.BeginLook()
	if replies, o := v.ask(cmd("EXISTS %s", k.name)); o == linear.Answered {
		k.EndLook(began, replies[0].Int == 1)
	}
}
