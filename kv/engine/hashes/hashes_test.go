package hashes

import (
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"pingd/kv/engine/call"
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell runs commands of this package on a store of its own.
type shell struct {
	t      *testing.T
	c      call.Call
	events []call.Event
}

func newShell(t *testing.T) *shell {
	s := &shell{t: t, c: call.Call{Store: keyspace.New(0), Now: 1000, Writes: true, Proto: 2}}
	s.c.Events = &s.events
	return s
}

// do runs a command as the engine does and returns its reply.
func (s *shell) do(words ...string) string {
	s.t.Helper()
	i := slices.IndexFunc(commands, func(cmd call.Command) bool { return cmd.Name == words[0] })
	if i < 0 || !commands[i].ArityOK(len(words)) {
		s.t.Fatalf("%q is no call of a command here", words)
	}
	s.c.Spec, s.c.Args, s.c.Out = &commands[i], nil, nil
	for _, w := range words {
		s.c.Args = append(s.c.Args, []byte(w))
	}
	s.c.Begin(call.MaxReply)
	commands[i].Run(&s.c)
	return string(s.c.Out)
}

// fill adds fields f<from> to f<to-1>.
func (s *shell) fill(key string, from, to int) {
	for i := from; i < to; i++ {
		s.do("HSET", key, "f"+strconv.Itoa(i), "v"+strconv.Itoa(i))
	}
}

// lines returns the strings of a reply without their heads.
func lines(reply string) (out []string) {
	words := strings.Split(reply, "\r\n")
	for i, w := range words {
		if i > 0 && strings.HasPrefix(words[i-1], "$") {
			out = append(out, w)
		}
	}
	return out
}

// TestCommands holds that the table says of each command what its code does: what is
// marked as a read changes nothing, and an error changes nothing.
func TestCommands(t *testing.T) {
	const wrong = "-" + call.ErrWrongType + "\r\n"
	args := map[string][]string{
		"HDEL": {"f1"}, "HEXISTS": {"f1"}, "HGET": {"f1"}, "HINCRBY": {"n", "1"}, "HINCRBYFLOAT": {"n", "1"},
		"HMGET": {"f1"}, "HMSET": {"f1", "x"}, "HSCAN": {"0"}, "HSET": {"f1", "x"}, "HSETNX": {"new", "x"}, "HSTRLEN": {"f1"},
	}
	for _, cmd := range Commands() {
		words := append([]string{cmd.Name, "h"}, args[cmd.Name]...)
		writes := cmd.Flags&call.Write != 0
		if reads := cmd.Flags&call.Read != 0; reads == writes || cmd.Group != "hash" || cmd.Summary == "" || cmd.FirstKey != 1 {
			t.Errorf("%+v", cmd.Spec)
		}
		s := newShell(t)
		s.fill("h", 0, 3)
		before := s.c.Store.Digest()
		if reply := s.do(words...); reply[0] == '-' {
			t.Errorf("%q: %s", words, reply)
		}
		if changed := s.c.Store.Digest() != before; changed != writes {
			t.Errorf("%q: changed %v", words, changed)
		}
		words[1] = "string"
		s.c.Create([]byte("string"), value.NewString([]byte("x")))
		before, s.events = s.c.Store.Digest(), nil
		if reply := s.do(words...); reply != wrong {
			t.Errorf("%q of a string: %q", words, reply)
		}
		if s.c.Store.Digest() != before || len(s.events) > 0 {
			t.Errorf("%q of a string changed something, events %v", words, s.events)
		}
	}
}

// TestRefusedChangesNothing gives each command that writes what it must refuse.
func TestRefusedChangesNothing(t *testing.T) {
	for command, want := range map[string]string{
		"HSET h a":                "-ERR wrong number of arguments for 'hset' command\r\n",
		"HSET h a 1 b":            "-ERR wrong number of arguments for 'hset' command\r\n",
		"HMSET h a 1 b":           "-ERR wrong number of arguments for 'hmset' command\r\n",
		"HINCRBY h max 1":         "-" + call.ErrOverflow + "\r\n",
		"HINCRBY h min -1":        "-" + call.ErrOverflow + "\r\n",
		"HINCRBY h word 1":        "-ERR hash value is not an integer\r\n",
		"HINCRBY h max x":         "-" + call.ErrNotInt + "\r\n",
		"HINCRBY h new +1":        "-" + call.ErrNotInt + "\r\n",
		"HINCRBY h new 01":        "-" + call.ErrNotInt + "\r\n",
		"HINCRBYFLOAT h word 1":   "-ERR hash value is not a float\r\n",
		"HINCRBYFLOAT h new nan":  "-" + call.ErrNotFloat + "\r\n",
		"HINCRBYFLOAT h new -inf": "-ERR value is NaN or Infinity\r\n",
		"HINCRBYFLOAT no x y":     "-" + call.ErrNotFloat + "\r\n",
		"HSETNX h word 1":         ":0\r\n",
		"HDEL h a b c":            ":0\r\n",
		"HDEL no a":               ":0\r\n",
	} {
		words := strings.Fields(command)
		s := newShell(t)
		s.do("HSET", "h", "max", "9223372036854775807", "min", "-9223372036854775808", "word", "x")
		before := s.c.Store.Digest()
		s.events = nil
		if command == "HSET h a" {
			words = append(words, "1", "b") // the least that the arity lets through
		}
		if got := s.do(words...); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
		if s.c.Store.Digest() != before || len(s.events) > 0 || s.c.Store.Size(0) != 1 {
			t.Errorf("%s changed something, events %v", command, s.events)
		}
	}
}

// TestEdgesOfIntegers increments where a sum just fits.
func TestEdgesOfIntegers(t *testing.T) {
	for _, test := range []struct{ old, delta, want string }{
		{"9223372036854775806", "1", ":9223372036854775807\r\n"},
		{"-9223372036854775807", "-1", ":-9223372036854775808\r\n"},
		{"9223372036854775807", "-9223372036854775808", ":-1\r\n"},
		{"-9223372036854775808", "9223372036854775807", ":-1\r\n"},
		{"-9223372036854775808", "0", ":-9223372036854775808\r\n"},
		{"1", "-9223372036854775808", ":-9223372036854775807\r\n"},
		{"0", "-9223372036854775808", ":-9223372036854775808\r\n"},
		{"-1", "-9223372036854775808", "-" + call.ErrOverflow + "\r\n"},
		{"1", "9223372036854775807", "-" + call.ErrOverflow + "\r\n"},
	} {
		s := newShell(t)
		s.do("HSET", "h", "n", test.old)
		if got := s.do("HINCRBY", "h", "n", test.delta); got != test.want {
			t.Errorf("%s + %s: %q, want %q", test.old, test.delta, got, test.want)
		}
	}
}

// TestLikeAMap runs random commands beside a Go map. What each says, the order, and
// the running count of bytes agree at every step, also where a hash becomes large.
func TestLikeAMap(t *testing.T) {
	for seed := range int64(4) {
		r := rand.New(rand.NewSource(seed))
		s, model := newShell(t), map[string]string{}
		for step := range 3000 {
			f := "f" + strconv.Itoa(r.Intn(60+step/10)) // past 128 fields with time
			if r.Intn(200) == 0 {
				f = strings.Repeat("long", 20)
			}
			old, had := model[f]
			var got, want string
			switch r.Intn(7) {
			case 0, 1, 2:
				v := strconv.Itoa(r.Intn(100))
				got, want = s.do("HSET", "h", f, v), ":1\r\n"
				if had {
					want = ":0\r\n"
				}
				model[f] = v
			case 3:
				got, want = s.do("HDEL", "h", f, "never", f), ":0\r\n"
				if had {
					want = ":1\r\n"
				}
				delete(model, f)
			case 4:
				got, want = s.do("HGET", "h", f), "$-1\r\n"
				if had {
					want = fmt.Sprintf("$%d\r\n%s\r\n", len(old), old)
				}
			case 5:
				n, _ := strconv.Atoi(old)
				got, want = s.do("HINCRBY", "h", f, "7"), fmt.Sprintf(":%d\r\n", n+7)
				model[f] = strconv.Itoa(n + 7)
			case 6:
				got, want = s.do("HLEN", "h"), fmt.Sprintf(":%d\r\n", len(model))
			}
			if got != want {
				t.Fatalf("seed %d, step %d, field %s: %q, want %q", seed, step, f, got, want)
			}
			if step%100 == 0 {
				s.compare(model)
			}
		}
		s.compare(model)
		if s.c.Store.Lookup(0, []byte("h")).Val.Encoding() != "hashtable" {
			t.Errorf("seed %d never made a large hash of it", seed)
		}
		for f := range model {
			s.do("HDEL", "h", f)
		}
		if s.c.Store.Size(0) != 0 || s.c.Store.Bytes(0) != 0 {
			t.Errorf("seed %d: empty at the end, and %d keys with %d bytes are counted", seed, s.c.Store.Size(0), s.c.Store.Bytes(0))
		}
	}
}

// compare compares the hash h, whole, with a map.
func (s *shell) compare(model map[string]string) {
	s.t.Helper()
	all := lines(s.do("HGETALL", "h"))
	keys, vals := lines(s.do("HKEYS", "h")), lines(s.do("HVALS", "h"))
	if len(all) != 2*len(model) || len(keys) != len(model) || len(vals) != len(model) {
		s.t.Fatalf("%d words, %d keys, %d values of %d fields", len(all), len(keys), len(vals), len(model))
	}
	for i, f := range keys {
		if all[2*i] != f || all[2*i+1] != vals[i] || model[f] != vals[i] {
			s.t.Fatalf("field %d is %s %s in HGETALL, %s in HKEYS, %s in HVALS, want %s", i, all[2*i], all[2*i+1], f, vals[i], model[f])
		}
	}
	if ent := s.c.Store.Lookup(0, []byte("h")); ent != nil {
		if got, want := s.c.Store.Bytes(0), ent.Size(); got != want {
			s.t.Fatalf("%d bytes counted, %d taken", got, want)
		}
	}
}

// TestHScanGuarantee is that of Redis's SCAN: what is there from the first step to the
// last comes at least once, whatever else comes, goes or grows meanwhile.
func TestHScanGuarantee(t *testing.T) {
	for _, test := range []struct {
		name         string
		stay, first  int // fields that stay, and the others at the beginning
		churn, count int // others that change between two steps
	}{
		{"small", 50, 0, 0, 10},
		{"large", 2000, 0, 0, 10},
		{"others come and go", 500, 300, 40, 7},
		{"grows large on the way", 120, 8, 30, 1},
		{"all in one step", 1000, 0, 10, 100_000},
	} {
		s := newShell(t)
		r := rand.New(rand.NewSource(1))
		s.fill("h", 0, test.stay)
		for i := range test.first {
			s.do("HSET", "h", "other"+strconv.Itoa(i), "x")
		}
		seen, cursor, steps := map[string]bool{}, "0", 0
		for ; steps < 10_000; steps++ {
			words := lines(s.do("HSCAN", "h", cursor, "COUNT", strconv.Itoa(test.count)))
			for i := 1; i < len(words); i += 2 {
				seen[words[i]] = true
			}
			if cursor = words[0]; cursor == "0" {
				break
			}
			for range test.churn {
				s.do("HSET", "h", "other"+strconv.Itoa(r.Intn(1000)), "x")
				s.do("HDEL", "h", "other"+strconv.Itoa(r.Intn(1000)))
			}
		}
		if cursor != "0" {
			t.Errorf("%s: no end after %d steps", test.name, steps)
		}
		for i := range test.stay {
			if !seen["f"+strconv.Itoa(i)] {
				t.Errorf("%s: f%d never came", test.name, i)
			}
		}
	}
}

// TestHScanOfHostileCursors takes any number for a place: it ends, and finds nothing
// that is not there.
func TestHScanOfHostileCursors(t *testing.T) {
	s := newShell(t)
	s.fill("large", 0, 500)
	s.fill("small", 0, 5)
	for _, key := range []string{"large", "small", "none"} {
		for _, cursor := range []string{"1", "18446744073709551615", "9223372036854775808", "7777777"} {
			words := lines(s.do("HSCAN", key, cursor, "COUNT", "3"))
			for i := 1; i < len(words); i += 2 {
				if _, v, _ := strings.Cut(words[i], "f"); "v"+v != words[i+1] {
					t.Errorf("%s from %s: %s %s", key, cursor, words[i], words[i+1])
				}
			}
		}
	}
	if got := lines(s.do("HSCAN", "large", "0", "COUNT", "1000", "MATCH", "f4?9")); len(got) != 1+2*10 {
		t.Errorf("matched %q", got)
	}
}

// TestRandFieldCounts gives the counts at the edges.
func TestRandFieldCounts(t *testing.T) {
	s := newShell(t)
	s.fill("h", 0, 2)
	const far = "-ERR value is out of range\r\n"
	for words, want := range map[string]string{
		"h 0":                               "*0\r\n",
		"h -0":                              "-" + call.ErrNotInt + "\r\n",
		"h 9223372036854775808":             "-" + call.ErrNotInt + "\r\n",
		"h -9223372036854775808":            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n",
		"h 4611686018427387904 WITHVALUES":  far,
		"h -4611686018427387904 WITHVALUES": far,
		"h 1 WITHVALUE":                     "-" + call.ErrSyntax + "\r\n",
		"h 1 WITHVALUES x":                  "-" + call.ErrSyntax + "\r\n",
		"none -1":                           "*0\r\n",
		"none -9223372036854775807":         "*0\r\n",
		"none x":                            "-" + call.ErrNotInt + "\r\n",
	} {
		if got := s.do(append([]string{"HRANDFIELD"}, strings.Fields(words)...)...); got != want {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
	if got := lines(s.do("HRANDFIELD", "h", "9223372036854775807")); len(got) != 2 {
		t.Errorf("all that are there: %q", got)
	}
	if got := lines(s.do("HRANDFIELD", "h", "-3", "withvalues")); len(got) != 6 || "v"+got[4][1:] != got[5] {
		t.Errorf("three pairs: %q", got)
	}
}

// TestRandFieldIsFair draws often from a small and a large hash: each field comes about
// as often as the others.
func TestRandFieldIsFair(t *testing.T) {
	for _, n := range []int{5, 200} {
		s := newShell(t)
		s.fill("h", 0, n)
		const each = 400
		drawn := map[string]int{}
		for _, f := range lines(s.do("HRANDFIELD", "h", strconv.Itoa(-each*n))) {
			drawn[f]++
		}
		for i := range n {
			f := "f" + strconv.Itoa(i)
			if drawn[f] < each/4 || drawn[f] > each*4 {
				t.Errorf("%d fields: %s came %d times, on average %d", n, f, drawn[f], each)
			}
		}
	}
}
