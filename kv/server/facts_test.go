package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tree parses a RESP2 reply into strings and lists of such.
func tree(b string) (v any, rest string) {
	line, rest, _ := strings.Cut(b, "\r\n")
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '$':
		if n < 0 {
			return "(null)", rest
		}
		return rest[:n], rest[n+2:]
	case '*':
		list := make([]any, 0, max(n, 0))
		for range n {
			v, rest = tree(rest)
			list = append(list, v)
		}
		return list, rest
	}
	return line, rest
}

// flat writes a tree down with all lists sorted; a map's notes are left out: they
// are for people.
func flat(v any) string {
	list, ok := v.([]any)
	if !ok {
		return v.(string)
	}
	var parts []string
	for i := 0; i < len(list); i++ {
		if list[i] == "notes" {
			i++
			continue
		}
		parts = append(parts, flat(list[i]))
	}
	slices.Sort(parts)
	return "[" + strings.Join(parts, " ") + "]"
}

// What COMMAND INFO tells of every command, and of its subcommands, is what Redis
// tells, so that clients find keys and treat commands alike.
func TestCommandInfoIsThatOfRedis(t *testing.T) {
	theirs := newAsker(t, startRedis(t))
	r := start(t, nil)
	ours := newAsker(t, r.addr)
	newer := []string{"client|no-touch", "client|setinfo"} // than Redis 7.0
	compared := 0
	for _, e := range r.table.index().Shown() {
		if e.Since == "" {
			continue // our own
		}
		names := []string{e.Name}
		for _, sub := range e.ShownSubs() {
			names = append(names, sub.Name)
		}
		for _, name := range names {
			if slices.Contains(newer, name) {
				continue
			}
			var got, want []any
			for a, to := range map[*asker]*[]any{ours: &got, theirs: &want} {
				text, err := a.ask("COMMAND INFO " + name)
				if err != nil {
					t.Fatal(err)
				}
				v, _ := tree(text)
				list, ok := v.([]any)[0].([]any)
				if !ok {
					t.Fatalf("%s: %v", name, v)
				}
				*to = list[:9] // the subcommands come by themselves
			}
			for i, part := range []string{"name", "arity", "flags", "first key", "last key", "step", "categories", "tips", "key specifications"} {
				if g, w := flat(got[i]), flat(want[i]); g != w {
					t.Errorf("%s of %s: %s, Redis says %s", part, name, g, w)
				}
			}
			compared++
		}
	}
	if compared < 150 {
		t.Errorf("only %d commands compared", compared)
	}
}

// Every subcommand that Redis has is served or refused with a reason, and none is
// unknown.
func TestContainersAreWhole(t *testing.T) {
	theirs := newAsker(t, startRedis(t))
	r := start(t, nil)
	for _, e := range r.table.index().Shown() {
		if len(e.ShownSubs()) == 0 {
			continue
		}
		text, err := theirs.ask("COMMAND LIST FILTERBY PATTERN " + e.Name + "|*")
		if err != nil {
			t.Fatal(err)
		}
		v, _ := tree(text)
		for _, name := range v.([]any) {
			if r.table.index().Find([]byte(fmt.Sprint(name))) == nil {
				t.Errorf("%s is not known", name)
			}
		}
	}
}
