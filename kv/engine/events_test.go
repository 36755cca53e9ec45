package engine

import (
	"fmt"
	"math/rand"
	"testing"

	"pingd/kv/engine/keyspace"
)

// versions notes the version of every key.
func versions(e *Engine) map[string]uint64 {
	all := map[string]uint64{}
	for db := range uint8(Databases) {
		e.store.Each(db, func(ent *keyspace.Entry) bool {
			all[fmt.Sprint(db, " ", ent.Key)] = ent.Version
			return true
		})
	}
	return all
}

// Whatever changes a key tells so: those who keep copies of what they have read
// rely on it.
func TestEveryChangeIsTold(t *testing.T) {
	e := New(Options{})
	told := map[string]bool{}
	e.OnEvents(func(events []Event) {
		for _, ev := range events {
			if ev.Key == nil {
				told[fmt.Sprint(ev.DB)] = true
				if ev.Name == "flushall" {
					for db := range Databases {
						told[fmt.Sprint(db)] = true
					}
				}
				continue
			}
			told[fmt.Sprint(ev.DB, " ", string(ev.Key))] = true
		}
	})
	g := generator{rand.New(rand.NewSource(7))}
	now := int64(1_700_000_000_000)
	changes := 0
	for step := range 20000 {
		before := versions(e)
		clear(told)
		now += int64(g.Intn(3))
		words := g.command()
		switch g.Intn(20) {
		case 0:
			words = []string{"ONCE", fmt.Sprint(step), "1000", "SET", g.key(), g.val()}
		case 1:
			words = []string{"ONCEINCR", g.key(), "1000", fmt.Sprint(step)}
		case 2:
			words = []string{"SET", g.key(), g.val(), "PX", "1"} // gone soon, by itself
		case 3:
			dump := apply(e, now, 2, 0, "DUMP", g.key())
			if dump[0] == '$' && dump[1] != '-' {
				_, body, _ := cutLine(dump)
				words = []string{"RESTORE", g.key(), "0", body, "REPLACE"}
			}
		}
		apply(e, now, 2, uint8(g.Intn(3)), words...)
		after := versions(e)
		for key := range before {
			if _, still := after[key]; !still {
				after[key] = 0
			}
		}
		for key, version := range after {
			if before[key] == version {
				continue
			}
			changes++
			var db int
			_, _ = fmt.Sscan(key, &db)
			if !told[key] && !told[fmt.Sprint(db)] {
				t.Fatalf("step %d: %q changed %q and did not tell; told %v", step, words, key, told)
			}
		}
	}
	if changes < 5000 {
		t.Errorf("only %d changes were seen", changes)
	}
}

// cutLine splits a bulk string reply into head and body.
func cutLine(reply string) (head, body string, ok bool) {
	for i := range len(reply) - 1 {
		if reply[i] == '\r' {
			return reply[:i], reply[i+2 : len(reply)-2], true
		}
	}
	return reply, "", false
}
