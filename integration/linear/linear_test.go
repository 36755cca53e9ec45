package linear

import (
	"strings"
	"testing"
	"time"
)

// is holds an error against a part of its text; "" means none.
func is(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestCounterFindsWhatIsWrong(t *testing.T) {
	good := []Count{{true, 1, 1, 2}, {true, 2, 3, 5}, {false, 1, 3, 4}, {false, 2, 4, 6}, {true, 3, 7, 8}}
	for name, c := range map[string]struct {
		more  []Count
		local []Count
		final int64
		bad   string
	}{
		"right":             {nil, nil, 3, ""},
		"stale read":        {[]Count{{false, 1, 7, 9}}, nil, 3, "came after an answer of 2"},
		"twice":             {[]Count{{true, 3, 7, 9}}, nil, 4, "given twice"},
		"backwards":         {[]Count{{true, 2, 9, 10}}, nil, 4, "came after"},
		"future":            {[]Count{{false, 3, 5, 6}}, nil, 3, "had been asked for"},
		"lost":              {nil, nil, 2, "the counter is 2"},
		"too many":          {nil, nil, 4, "the counter is 4"},
		"old within bounds": {nil, []Count{{false, 1, 7, 9}}, 3, ""},
		"too old":           {nil, []Count{{false, 1, 9, 10}}, 3, "older than 3ns"},
		"local future":      {nil, []Count{{false, 3, 5, 6}}, 3, "had been asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Counter{events: append(append([]Count(nil), good...), c.more...), local: c.local}
			for _, e := range h.events {
				if e.Incr {
					h.begun = append(h.begun, e.Call)
				}
			}
			is(t, h.Check(c.final, 3), c.bad)
		})
	}
}

func TestCounterTakesWhatIsUnknownEitherWay(t *testing.T) {
	h := NewCounter(time.Now())
	h.End(h.Begin(true), Answered, 1)
	h.End(h.Begin(true), Unknown, 0)
	h.End(h.Begin(true), Refused, 0)
	h.End(h.Begin(false), Unknown, 0)
	for final, want := range map[int64]string{0: "the counter is 0", 1: "", 2: "", 3: "the counter is 3"} {
		is(t, h.Check(final, 0), want)
	}
	if a, u, r := h.Tally(); a != 1 || u != 1 || r != 1 {
		t.Errorf("tally %d %d %d", a, u, r)
	}
}

func TestGap(t *testing.T) {
	h := &Counter{events: []Count{{true, 1, 0, 5}, {true, 2, 5, 20}, {false, 2, 20, 30}, {true, 3, 21, 40}}}
	for _, c := range []struct{ from, to, want time.Duration }{{0, 50, 20}, {0, 100, 60}, {6, 19, 13}, {20, 60, 20}} {
		if got := h.Gap(c.from, c.to); got != c.want {
			t.Errorf("from %d to %d: %d, want %d", c.from, c.to, got, c.want)
		}
	}
}

func TestRegisterFindsWhatIsWrong(t *testing.T) {
	op := func(kind Kind, arg, old, answer string, o Outcome, call, done time.Duration) Access {
		return Access{Kind: kind, Arg: arg, Old: old, answer: answer, outcome: o, call: call, done: done}
	}
	set := op(Set, "a", "", "OK", Answered, 1, 2)
	for name, c := range map[string]struct {
		ops []Access
		ok  bool
	}{
		"read of what was set":        {[]Access{set, op(Get, "", "", "a", Answered, 3, 4)}, true},
		"read beside the set":         {[]Access{set, op(Get, "", "", "", Answered, 1, 4)}, true},
		"stale":                       {[]Access{set, op(Get, "", "", "", Answered, 3, 4)}, false},
		"never set":                   {[]Access{set, op(Get, "", "", "b", Answered, 3, 4)}, false},
		"unknown, seen":               {[]Access{op(Set, "a", "", "", Unknown, 1, 2), op(Get, "", "", "a", Answered, 8, 9)}, true},
		"unknown, not seen":           {[]Access{op(Set, "a", "", "", Unknown, 1, 2), op(Get, "", "", "", Answered, 8, 9)}, true},
		"unknown, seen and then not":  {[]Access{op(Set, "a", "", "", Unknown, 1, 2), op(Get, "", "", "a", Answered, 5, 6), op(Get, "", "", "", Answered, 8, 9)}, false},
		"refused, seen":               {[]Access{op(Set, "a", "", "", Refused, 1, 2), op(Get, "", "", "a", Answered, 5, 6)}, false},
		"deleted":                     {[]Access{set, op(Del, "", "", "1", Answered, 3, 4), op(Get, "", "", "", Answered, 5, 6)}, true},
		"deleted what is not there":   {[]Access{set, op(Del, "", "", "0", Answered, 3, 4)}, false},
		"swapped":                     {[]Access{set, op(Swap, "b", "a", "1", Answered, 3, 4), op(Get, "", "", "b", Answered, 5, 6)}, true},
		"swapped what was not there":  {[]Access{set, op(Swap, "b", "c", "1", Answered, 3, 4)}, false},
		"swap given up":               {[]Access{set, op(Swap, "b", "a", "0", Answered, 3, 4), op(Get, "", "", "a", Answered, 5, 6)}, true},
		"swap given up and done":      {[]Access{set, op(Swap, "b", "a", "0", Answered, 3, 4), op(Get, "", "", "b", Answered, 5, 6)}, false},
		"swap unknown, done":          {[]Access{set, op(Swap, "b", "a", "", Unknown, 3, 4), op(Get, "", "", "b", Answered, 5, 6)}, true},
		"swap unknown, done wrongly":  {[]Access{set, op(Swap, "b", "c", "", Unknown, 3, 4), op(Get, "", "", "b", Answered, 5, 6)}, false},
		"two swaps of the same value": {[]Access{set, op(Swap, "b", "a", "1", Answered, 3, 4), op(Swap, "c", "a", "1", Answered, 3, 4)}, false},
		"get unknown":                 {[]Access{set, op(Get, "", "", "zzz", Unknown, 3, 4)}, true},
	} {
		h := &Register{ops: c.ops}
		if ok, decided := h.Check(time.Minute); ok != c.ok || !decided {
			t.Errorf("%s: ok %t decided %t\n%s", name, ok, decided, strings.Join(h.Ops(), "\n"))
		}
	}
}

func TestBriefFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		outcome Outcome
		looks   []look
		bad     string
	}{ // set from 10 to 20 for 100
		"right":              {Answered, []look{{5, 6, false}, {12, 13, false}, {21, 30, true}, {105, 115, true}, {112, 116, false}, {130, 131, false}}, ""},
		"set late":           {Answered, []look{{115, 119, true}, {119, 125, true}}, ""},
		"not there":          {Answered, []look{{21, 30, false}}, "not there"},
		"there too long":     {Answered, []look{{121, 122, true}}, "there, and was set"},
		"there again":        {Answered, []look{{111, 112, false}, {113, 114, true}}, "there again"},
		"refused":            {Refused, []look{{30, 31, true}}, "refused"},
		"refused, not there": {Refused, []look{{30, 31, false}}, ""},
		"unknown, late":      {Unknown, []look{{30, 31, false}, {500, 501, true}, {700, 701, false}}, ""},
		"unknown, twice":     {Unknown, []look{{500, 501, true}, {520, 521, false}, {530, 531, true}}, "there again"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Brief{TTL: 100, call: 10, done: 20, outcome: c.outcome, looks: c.looks}
			is(t, h.Check(0, 0), c.bad)
		})
	}
}

func TestListFindsWhatIsWrong(t *testing.T) {
	h := &List{pushes: map[string]*push{
		"a": {1, 2, Answered}, "b": {3, 4, Answered}, "c": {3, 9, Answered}, "u": {3, 4, Unknown}, "r": {3, 4, Refused},
	}}
	for final, bad := range map[string]string{
		"a b c": "", "a c b": "", "a u b c": "", "a b c u": "",
		"b a c":   "precedes",
		"a c":     `"b" was acknowledged and is lost`,
		"a b c b": "twice",
		"a b c r": "refused",
		"a b c x": "never pushed",
	} {
		t.Run(final, func(t *testing.T) { is(t, h.Check(strings.Fields(final)), bad) })
	}
	if a, u, r := h.Tally(); a != 3 || u != 1 || r != 1 {
		t.Errorf("tally %d %d %d", a, u, r)
	}
}
