package sim

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// outcome is what a client knows of an operation.
type outcome int

const (
	answered outcome = iota
	unknown          // it may take effect at any later time, or never
	refused          // it surely had no effect
)

const (
	opIncr = iota
	opGet
	opSet
	opDel
	opSwap
)

// op is one operation on one key.
type op struct {
	kind     int
	key      string
	arg, old string
	ms       int // SET ... PX
	token    string
	at       *process // that was asked

	call, end    int64 // order of calls and returns
	begun, ended time.Time
	outcome      outcome
	reply        string
}

// local is a READONLY read of a counter.
type local struct {
	key    string
	at     *process
	begun  time.Time
	number string
	order  int64
}

// ask is a token's numbers.
type tokenAsk struct {
	key          string
	call, end    int64
	begun, ended time.Time
	outcome      outcome
	number       string
}

// history is all operations of a world.
type history struct {
	w *world

	mu     sync.Mutex
	ops    []*op
	locals []local
	tokens map[string]*tokenAsk
	order  []string // of tokens
}

// begin notes a call and returns what notes its return.
func (h *history) begin(o op) func(outcome, string) {
	o.begun, o.call, o.outcome = time.Now(), h.w.clock.Add(1), unknown
	h.mu.Lock()
	h.ops = append(h.ops, &o)
	h.mu.Unlock()
	return func(out outcome, reply string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		o.ended, o.end, o.outcome, o.reply = time.Now(), h.w.clock.Add(1), out, reply
		h.w.trace("%s %s", o.at.node.name, &o)
	}
}

func (o *op) String() string {
	what := []string{"INCR", "GET", "SET", "DEL", "SWAP"}[o.kind] + " " + o.key
	if o.arg != "" {
		what += " " + o.old + ">" + o.arg
	}
	if o.ms > 0 {
		what += " PX " + strconv.Itoa(o.ms)
	}
	if o.token != "" {
		what += " (" + o.token + ")"
	}
	switch o.outcome {
	case unknown:
		return what + " = ?"
	case refused:
		return what + " = refused"
	}
	return what + " = " + strconv.Quote(o.reply)
}

func (h *history) ask(key string, tokens []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tokens == nil {
		h.tokens = map[string]*tokenAsk{}
	}
	for _, t := range tokens {
		if h.tokens[t] == nil {
			h.tokens[t] = &tokenAsk{key: key, call: h.w.clock.Add(1), begun: time.Now(), outcome: refused}
			h.order = append(h.order, t)
		}
	}
}

func (h *history) got(key string, tokens, numbers []string, o outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, t := range tokens {
		a := h.tokens[t]
		if a.outcome == answered {
			if o == answered && number(numbers[i]) != a.number {
				h.w.fail("token %s of %s got %s, then %q", t, key, a.number, numbers[i])
			}
			continue
		}
		switch o {
		case answered:
			a.outcome, a.number, a.end, a.ended = answered, number(numbers[i]), h.w.clock.Add(1), time.Now()
		case unknown:
			a.outcome = unknown
		}
	}
	h.w.trace("ONCEINCR %s %v = %v, %d", key, tokens, numbers, o)
}

func (h *history) sawLocal(l local) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.order = h.w.clock.Add(1)
	h.locals = append(h.locals, l)
}

// all returns the operations, those of tokens among them.
func (h *history) all() []*op {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.Clone(h.ops)
	for _, t := range h.order {
		a := h.tokens[t]
		list = append(list, &op{
			kind: opIncr, key: a.key, token: t, call: a.call, end: a.end, begun: a.begun, ended: a.ended,
			outcome: a.outcome, reply: ":" + a.number + "\r\n",
		})
	}
	return list
}
