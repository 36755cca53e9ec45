package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/anishathalye/porcupine"
)

// linearCounter tells why the operations on one counter, INCR and GET, are not
// linearizable; "" if they are. It is exact, and linear in their number where a
// general search is exponential in those whose outcome is unknown.
//
// Let t(v) be the moment at which the counter becomes v. The INCR that answered v says
// that t(v) lies between its call and its return; a GET of v, that t(v) comes before
// its return and t(v+1) after its call. A value that nobody was told of is an INCR's
// whose outcome is unknown, after its call: giving the earliest of those to the
// smallest such value is as good as any other way. Bounds of a growing series can be
// met if no lower bound lies above an upper bound of the same or a later moment.
func linearCounter(ops []*op) string {
	top := 0
	var open []int64
	for _, o := range ops {
		switch {
		case o.outcome == answered:
			n, err := strconv.Atoi(number(o.reply))
			if err != nil {
				return fmt.Sprintf("answer %q", o.reply)
			}
			top = max(top, n)
		case o.kind == opIncr && o.outcome == unknown:
			open = append(open, o.call)
		}
	}
	low, high, told := make([]int64, top+2), make([]int64, top+2), make([]*op, top+2)
	for v := range high {
		high[v] = math.MaxInt64
	}
	for _, o := range ops {
		if o.outcome != answered {
			continue
		}
		v, _ := strconv.Atoi(number(o.reply))
		if o.kind == opGet {
			high[v] = min(high[v], o.end)
			low[v+1] = max(low[v+1], o.call)
			continue
		}
		if v == 0 || told[v] != nil {
			return fmt.Sprintf("%d was handed out twice: %s and %s", v, o, told[v])
		}
		told[v] = o
		low[v], high[v] = max(low[v], o.call), min(high[v], o.end)
	}
	slices.Sort(open)
	for v := 1; v <= top; v++ {
		if told[v] != nil {
			continue
		}
		if len(open) == 0 {
			return fmt.Sprintf("nobody was told %d, and no INCR's outcome is unknown that may have made it", v)
		}
		low[v] = max(low[v], open[0])
		open = open[1:]
	}
	for v := top; v > 0; v-- { // t(v) is not later than t(v+1)
		high[v] = min(high[v], high[v+1])
	}
	for v := 1; v <= top; v++ {
		if low[v] = max(low[v], low[v-1]); low[v] > high[v] {
			return fmt.Sprintf("it cannot have become %d in time: after %d and before %d", v, low[v], high[v])
		}
	}
	return ""
}

// TestLinearCounterAgreesWithASearch holds the fast check against porcupine's, on
// small histories that are right and on some that are not.
func TestLinearCounterAgreesWithASearch(t *testing.T) {
	right, wrong := 0, 0
	for seed := range uint64(4000) {
		rng := stream(seed, "counter", 0)
		var ops []*op
		n, clock := 0, int64(0)
		var flying []*op
		for range 12 {
			clock++
			if len(flying) < 3 && rng.IntN(2) == 0 {
				o := &op{kind: pick(rng, opIncr, opIncr, opGet), key: "c", call: clock, outcome: unknown, end: math.MaxInt64}
				flying, ops = append(flying, o), append(ops, o)
				continue
			}
			if len(flying) == 0 {
				continue
			}
			i := rng.IntN(len(flying))
			o := flying[i]
			if o.kind == opIncr && (rng.IntN(4) > 0 || n == 0) {
				n++
			}
			if rng.IntN(5) > 0 { // else nobody knows
				o.outcome, o.end = answered, clock
				v := strconv.Itoa(max(0, n-rng.IntN(2)*rng.IntN(2)))
				o.reply = ":" + v + "\r\n"
				if o.kind == opGet && v == "0" {
					o.reply = "$-1\r\n"
				} else if o.kind == opGet {
					o.reply = fmt.Sprintf("$%d\r\n%s\r\n", len(v), v)
				}
			}
			flying = slices.Delete(flying, i, i+1)
		}
		var history []porcupine.Operation
		for i, o := range ops {
			if o.outcome == answered || o.kind == opIncr {
				history = append(history, porcupine.Operation{ClientId: i, Input: o, Call: o.call, Return: o.end})
			}
		}
		want := porcupine.CheckOperations(model(0), history)
		if why := linearCounter(ops); (why == "") != want {
			for _, o := range ops {
				t.Log(o.call, o.end, o)
			}
			t.Fatalf("history %d: %q, want linearizable: %t", seed, why, want)
		}
		if want {
			right++
		} else {
			wrong++
		}
	}
	if right < 500 || wrong < 500 {
		t.Errorf("%d right and %d wrong histories", right, wrong)
	}
}
