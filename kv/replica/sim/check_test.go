package sim

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// state is a key as the model has it: absent, or a value that may end.
type state struct {
	value     string
	from, due time.Time // a brief value ends not before from, and not after due; zero: never
}

// model is one key. Clocks may differ by skew: when a brief value ends is known so
// far only; but once it was seen to be gone, it stays so.
func model(skew time.Duration) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(s, in, _ any) (bool, any) { return step(s.(state), in.(*op), skew) },
		Equal: func(a, b any) bool {
			x, y := a.(state), b.(state)
			return x.value == y.value && x.from.Equal(y.from) && x.due.Equal(y.due)
		},
		DescribeOperation: func(in, _ any) string { return in.(*op).String() },
	}
}

func step(s state, o *op, skew time.Duration) (bool, any) {
	known := o.outcome == answered
	switch o.kind {
	case opGet:
		got := text(o.reply)
		if got != "" {
			return got == s.value && (s.due.IsZero() || !o.begun.After(s.due)), s
		}
		if s.value != "" && !s.from.IsZero() && !o.ended.Before(s.from) {
			s = state{}
		}
		return s.value == "", s
	case opSet:
		next := state{value: o.arg}
		if o.ms > 0 {
			lasts := time.Duration(o.ms) * time.Millisecond
			next.from = o.begun.Add(lasts - skew)
			next.due = o.ended.Add(lasts + skew + endsWithin)
			if !known {
				next.due = farAway
			}
		}
		return !known || o.reply == "+OK\r\n", next
	case opDel:
		was := "0"
		if s.value != "" {
			was = "1"
		}
		return !known || number(o.reply) == was, state{}
	case opSwap:
		const done = "*1\r\n+OK\r\n"
		if known && o.reply != done { // the key may have changed between WATCH and GET
			return true, s
		}
		if s.value != o.old {
			return !known, s
		}
		return true, state{value: o.arg}
	}
	n, _ := strconv.Atoi(s.value)
	next := strconv.Itoa(n + 1)
	return !known || number(o.reply) == next, state{value: next}
}

// endsWithin is how late a key may end: an entry of the log lets it.
const endsWithin = 2500 * time.Millisecond // of a node whose disk is nearly full

var farAway = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// checkWait bounds the search for an order of one key's operations, in real time.
const checkWait = 20 * time.Second

// check looks at all that the clients saw. It is called outside the bubble: what it
// waits for is real time.
func (w *world) check() (undecided int) {
	byKey, counters := map[string][]porcupine.Operation{}, map[string][]*op{}
	for i, o := range w.hist.all() {
		switch {
		case o.outcome == refused, o.outcome == unknown && o.kind == opGet:
			continue
		case isCounter(o.key):
			counters[o.key] = append(counters[o.key], o)
			continue
		}
		p := porcupine.Operation{ClientId: i, Input: o, Call: o.call, Return: o.end}
		if o.outcome == unknown {
			p.Return = math.MaxInt64
		}
		byKey[o.key] = append(byKey[o.key], p)
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		skew := w.skewed()
		if key[0] != 'e' {
			skew = 0
		} else if skew > time.Second && w.plan.has("disk full") {
			continue // with a full disk keys end by each leader's clock, not by the log
		}
		switch porcupine.CheckOperationsTimeout(model(skew), byKey[key], checkWait) {
		case porcupine.Illegal:
			w.fail("what clients saw of key %s is not linearizable (%d operations)", key, len(byKey[key]))
			for _, o := range w.shortest(key, byKey[key], skew) {
				w.trace("  %s: call %d return %d %s", key, o.Call, o.Return, o.Input.(*op))
			}
		case porcupine.Unknown:
			undecided++
		}
	}
	for _, key := range slices.Sorted(maps.Keys(counters)) {
		if why := linearCounter(counters[key]); why != "" {
			w.fail("what clients saw of key %s is not linearizable (%d operations): %s", key, len(counters[key]), why)
		}
	}
	w.ledger()
	w.checkLocals()
	return undecided
}

func isCounter(key string) bool { return key[0] != 'r' && key[0] != 'e' }

// shortest cuts a history that is not linearizable after the first return that makes
// it so.
func (w *world) shortest(_ string, list []porcupine.Operation, skew time.Duration) []porcupine.Operation {
	var ends []int64
	for _, o := range list {
		if o.Return != math.MaxInt64 {
			ends = append(ends, o.Return)
		}
	}
	slices.Sort(ends)
	cut := func(end int64) (part []porcupine.Operation) {
		for _, o := range list {
			if o.Call <= end && (o.Return <= end || o.Input.(*op).kind != opGet) {
				if o.Return > end { // not known yet
					c := *o.Input.(*op)
					c.outcome = unknown
					o.Input, o.Return = &c, math.MaxInt64
				}
				part = append(part, o)
			}
		}
		return part
	}
	i, _ := slices.BinarySearchFunc(ends, 0, func(end int64, _ int) int {
		if porcupine.CheckOperationsTimeout(model(skew), cut(end), time.Second) == porcupine.Illegal {
			return 1
		}
		return -1
	})
	if i == len(ends) {
		return list
	}
	part := cut(ends[i])
	slices.SortFunc(part, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	return part[max(0, len(part)-25):]
}

// skewed is how far two clocks of the world may be apart.
func (w *world) skewed() time.Duration {
	skew := 2 * w.plan.skew
	if w.plan.has("clock jump") {
		skew = max(skew, 20*time.Second)
	}
	return skew + 5*time.Millisecond // stamps are whole milliseconds
}

// ledger counts: no number twice, none missing.
func (w *world) ledger() {
	type book struct {
		seen map[string]string
		open int
		top  int
	}
	books := map[string]*book{}
	for _, o := range w.hist.all() {
		if o.kind != opIncr || o.outcome == refused {
			continue
		}
		b := books[o.key]
		if b == nil {
			b = &book{seen: map[string]string{}}
			books[o.key] = b
		}
		if o.outcome == unknown {
			b.open++
			continue
		}
		n := number(o.reply)
		if was, ok := b.seen[n]; ok {
			w.fail("number %s of %s was handed out twice: %s and %s", n, o.key, was, o)
		}
		b.seen[n] = o.String()
		v, _ := strconv.Atoi(n)
		b.top = max(b.top, v)
	}
	for _, key := range slices.Sorted(maps.Keys(books)) {
		b := books[key]
		if missing := b.top - len(b.seen); missing > b.open {
			w.fail("%s is at %d, but only %d were handed out and %d are unknown", key, b.top, len(b.seen), b.open)
		}
		if last, ok := w.finals[key]; ok && (last < b.top || last > len(b.seen)+b.open) {
			w.fail("%s is %d in the end, after %d numbers up to %d, and %d unknown", key, last, len(b.seen), b.top, b.open)
		}
	}
}

// checkLocals holds READONLY reads against their promise: not older than the bound,
// and never backwards on one node.
func (w *world) checkLocals() {
	type seen struct {
		key string
		at  *process
	}
	newest := map[seen]int{}
	var incrs []*op
	for _, o := range w.hist.all() {
		if o.kind == opIncr && o.outcome == answered {
			incrs = append(incrs, o)
		}
	}
	for _, l := range w.hist.locals {
		n, err := strconv.Atoi(l.number)
		if err != nil {
			w.fail("READONLY read of %s answers %q", l.key, l.number)
			continue
		}
		s := seen{l.key, l.at}
		if n < newest[s] {
			w.fail("READONLY reads of %s on %s go back from %d to %d", l.key, l.at.node.name, newest[s], n)
		}
		newest[s] = max(newest[s], n)
		for _, o := range incrs {
			if v, _ := strconv.Atoi(number(o.reply)); o.key == l.key && v > n && o.ended.Before(l.begun.Add(-w.plan.stale)) {
				w.fail("READONLY read of %s on %s at %s answers %d, but %d was acknowledged %s before",
					l.key, l.at.node.name, l.begun.Sub(w.start), n, v, l.begun.Sub(o.ended))
				break
			}
		}
	}
}
