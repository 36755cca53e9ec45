package call

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at returns a Call of the command PROBE with the arguments given, at log time 1000.
func at(flags Flags, words ...string) *Call {
	cmd := New("PROBE", -1, flags, 1, "for tests", nil)
	c := &Call{Store: keyspace.New(0), Now: 1000, Writes: flags&Write != 0, Proto: 2, Spec: &cmd}
	for _, w := range words {
		c.Args = append(c.Args, []byte(w))
	}
	return c
}

func TestGetOfADueEntry(t *testing.T) {
	for _, test := range []struct {
		name   string
		flags  Flags
		expire int64
		found  bool
		left   int // keys after it
		want   [3]int64
	}{
		{"read of an entry that stays", Read, 0, true, 1, [3]int64{1, 0, 0}},
		{"read a moment before", Read, 1001, true, 1, [3]int64{1, 0, 0}},
		{"read at the moment", Read, 1000, false, 1, [3]int64{0, 1, 0}},
		{"read after it", Read, 1, false, 1, [3]int64{0, 1, 0}},
		{"write a moment before", Write, 1001, true, 1, [3]int64{}},
		{"write at the moment", Write, 1000, false, 0, [3]int64{0, 0, 1}},
	} {
		c := at(test.flags)
		var events []Event
		c.Events = &events
		c.SetExpire(c.Create([]byte("k"), value.NewString([]byte("v"))), test.expire)
		if ent := c.Get([]byte("k")); (ent != nil) != test.found {
			t.Errorf("%s: entry %v", test.name, ent)
		}
		hits, misses, expired := c.Figures()
		if got := [3]int64{hits, misses, expired}; got != test.want {
			t.Errorf("%s: hits, misses, expired %v, want %v", test.name, got, test.want)
		}
		if n := c.Store.Size(0); n != test.left {
			t.Errorf("%s: %d keys left, want %d", test.name, n, test.left)
		}
		if gone := test.left == 0; gone != (len(events) == 1 && events[0].Name == "expired" && events[0].Class == ClassExpired && string(events[0].Key) == "k") {
			t.Errorf("%s: events %+v", test.name, events)
		}
	}
}

func TestSetKeepsTheExpiryOnlyIfTold(t *testing.T) {
	c := at(Write)
	ent := c.Set([]byte("k"), value.NewString([]byte("1")), false)
	first := ent.Version
	c.SetExpire(ent, 5000)
	if ent = c.Set([]byte("k"), value.NewString([]byte("longer than a number")), true); ent.ExpireAt != 5000 || ent.Version == first {
		t.Errorf("kept: expires at %d, version %d after %d", ent.ExpireAt, ent.Version, first)
	}
	if ent = c.Set([]byte("k"), value.NewString([]byte("2")), false); ent.ExpireAt != 0 || c.Store.Expires(0) != 0 {
		t.Errorf("not kept: expires at %d, %d keys with an expiry", ent.ExpireAt, c.Store.Expires(0))
	}
	if got, want := c.Store.Bytes(0), ent.Size(); got != want {
		t.Errorf("%d bytes counted, the one key takes %d", got, want)
	}
	// Over a due entry nothing of it is kept.
	c.SetExpire(ent, 999)
	if ent = c.Set([]byte("k"), value.NewString([]byte("3")), true); ent.ExpireAt != 0 {
		t.Errorf("a due entry left its expiry %d", ent.ExpireAt)
	}
}

func TestVersion(t *testing.T) {
	c := at(Write)
	ent := c.Create([]byte("k"), value.NewString([]byte("1")))
	if got := c.Version(0, []byte("k")); got == 0 || got != ent.Version {
		t.Errorf("version %d, want %d", got, ent.Version)
	}
	for _, db := range []uint8{1, keyspace.Databases - 1, keyspace.Databases, 255} {
		if got := c.Version(db, []byte("k")); got != 0 {
			t.Errorf("in database %d it has version %d", db, got)
		}
	}
	c.SetExpire(ent, 1000)
	if got := c.Version(0, []byte("k")); got != 0 || c.Store.Size(0) != 1 {
		t.Errorf("due: version %d, %d keys; asking changes nothing", got, c.Store.Size(0))
	}
}

// TestRandom holds the generator to the published vectors of SplitMix64: it may never
// change, for entries of old logs must give the same replies on every node.
func TestRandom(t *testing.T) {
	c := &Call{}
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec} {
		if got := c.Random(); got != want {
			t.Errorf("number %d is %#x, want %#x", i, got, want)
		}
	}
	same := &Call{Seed: c.Seed}
	if same.Random() != c.Random() {
		t.Error("the same seed gives another number")
	}
}

func TestNotify(t *testing.T) {
	c := at(Write)
	c.Notify(ClassString, "set", []byte("k")) // nobody listens: no more than no crash
	var events []Event
	c.Events, c.DB, c.Client = &events, 3, 77
	c.Notify(ClassString, "set", []byte("k"))
	c.NotifyIn(5, ClassGeneric, "flushdb", nil)
	if len(events) != 2 || events[0].DB != 3 || events[1].DB != 5 || events[0].Client != 77 || events[1].Key != nil {
		t.Errorf("%+v", events)
	}
}

func TestSpecs(t *testing.T) {
	for _, test := range []struct {
		arity, words int
		ok           bool
	}{
		{2, 2, true},
		{2, 1, false},
		{2, 3, false},
		{2, 0, false},
		{-2, 2, true},
		{-2, 1, false},
		{-2, 1 << 20, true},
		{-1, 1, true},
		{-1, 0, false},
	} {
		s := Spec{Arity: test.arity}
		if s.ArityOK(test.words) != test.ok {
			t.Errorf("arity %d, %d words: %v", test.arity, test.words, !test.ok)
		}
	}
	none := New("PING", 1, Read, 0, "", nil)
	one := New("GET", 2, Read, 1, "", nil)
	many := one.Keys(-1, 2)
	group := Group("string", one, many)
	if none.FirstKey != 0 || none.LastKey != 0 || none.KeyStep != 0 {
		t.Errorf("without keys: %+v", none.Spec)
	}
	if one.FirstKey != 1 || one.LastKey != 1 || one.KeyStep != 1 || one.Group != "" {
		t.Errorf("one key: %+v", one.Spec)
	}
	if many.LastKey != -1 || many.KeyStep != 2 || group[1].Group != "string" {
		t.Errorf("many keys: %+v", group[1].Spec)
	}
}

// TestReplies gives the exact bytes of each kind of reply, | between RESP2 and RESP3
// where they differ.
func TestReplies(t *testing.T) {
	for want, do := range map[string]func(*Call){
		"+OK\r\n":                         (*Call).OK,
		"+done\r\n":                       func(c *Call) { c.Status("done") },
		"-ERR x\r\n":                      func(c *Call) { c.Fail("ERR x") },
		"$-1\r\n|_\r\n":                   (*Call).Null,
		"*2\r\n":                          func(c *Call) { c.Array(2) },
		"*4\r\n|%2\r\n":                   func(c *Call) { c.Map(2) },
		"$0\r\n\r\n":                      func(c *Call) { c.Bulk(nil) },
		"$2\r\n\r\n\r\n":                  func(c *Call) { c.BulkString("\r\n") },
		":9223372036854775807\r\n":        func(c *Call) { c.Int(math.MaxInt64) },
		":-9223372036854775808\r\n":       func(c *Call) { c.Int(math.MinInt64) },
		"$20\r\n-9223372036854775808\r\n": func(c *Call) { c.String(value.NewString([]byte("-9223372036854775808"))) },
		"$3\r\n007\r\n":                   func(c *Call) { c.String(value.NewString([]byte("007"))) },
		"-ERR wrong number of arguments for 'probe' command\r\n":           (*Call).WrongArity,
		"-ERR invalid expire time in 'probe' command\r\n":                  (*Call).BadExpire,
		"-ERR unknown command 'NO', with args beginning with: 'a' '' \r\n": func(c *Call) { c.Args = [][]byte{[]byte("NO"), []byte("a"), nil}; c.Unknown() },
	} {
		both := strings.Split(want, "|")
		for proto := uint8(2); proto <= 3; proto++ {
			c := at(Write)
			c.Proto, c.Out = proto, []byte("before")
			do(c)
			if want := "before" + both[min(int(proto)-2, len(both)-1)]; string(c.Out) != want {
				t.Errorf("RESP%d: %q, want %q", proto, c.Out, want)
			}
		}
	}
}

// TestRoom holds what a reply may take: its limit, or 64 KiB however much came before.
func TestRoom(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, limit int
		parts         []int
		writes, cut   bool
	}{
		{"nothing", 0, 0, nil, false, false},
		{"small, beyond the limit", 1 << 20, 10, []int{100, 60_000}, false, false},
		{"to the limit", 0, 100_000, []int{100_000 - 10}, false, false},
		{"beyond it", 0, 100_000, []int{50_000, 60_000}, false, true},
		{"beyond it at once", 10, 100_000, []int{1 << 20}, true, true},
		{"what comes after the part that was too much", 0, 100_000, []int{1 << 20, 1, 1}, true, true},
	} {
		c := at(Read)
		c.Writes, c.Out = test.writes, make([]byte, test.before)
		c.Begin(test.limit)
		for i, n := range test.parts {
			if i%2 == 0 {
				c.Bulk(make([]byte, n))
			} else {
				c.BulkString(strings.Repeat("x", n))
			}
			if len(c.Out) > test.before+max(test.limit, fair)+64 {
				t.Errorf("%s: %d bytes", test.name, len(c.Out))
			}
		}
		told := c.Cut()
		cut := c.Finish()
		if cut != test.cut || told != test.cut {
			t.Errorf("%s: cut %v, told %v", test.name, cut, told)
		}
		reply := string(c.Out[test.before:])
		if cut && (!strings.HasPrefix(reply, "-ERR ") || strings.Contains(reply, "was run") != test.writes || strings.Count(reply, "\r\n") != 1) {
			t.Errorf("%s: %.100q stands for it", test.name, reply)
		}
		c.Begin(len(c.Out) + MaxReply)
		if c.Cut() || c.Finish() {
			t.Errorf("%s: the next reply is cut", test.name)
		}
	}
}

// TestErrorsAreOneLine holds that no text of a client ends an error's line early and
// passes for another reply.
func TestErrorsAreOneLine(t *testing.T) {
	hostile := "x\r\n+OK\r\n:1\r\n"
	for name, do := range map[string]func(*Call){
		"name":     func(c *Call) { c.Args = [][]byte{[]byte(hostile)}; c.Unknown() },
		"argument": func(c *Call) { c.Args = [][]byte{[]byte("NO"), []byte(hostile)}; c.Unknown() },
		"long":     func(c *Call) { c.Args = [][]byte{bytes.Repeat([]byte("\r\n"), 1<<16)}; c.Unknown() },
		"text":     func(c *Call) { c.Fail("ERR " + hostile) },
	} {
		c := at(Read)
		do(c)
		if end := bytes.IndexAny(c.Out, "\r\n"); end != len(c.Out)-2 || c.Out[0] != '-' {
			t.Errorf("%s: %q is more than one line", name, c.Out)
		}
		if len(c.Out) > 1024 {
			t.Errorf("%s: %d bytes", name, len(c.Out))
		}
	}
}

func TestArguments(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-1": -1, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64} {
		c := at(Read, "PROBE", text)
		if n, ok := c.ArgInt(1); !ok || n != want || len(c.Out) > 0 {
			t.Errorf("%s is %d, %v, reply %q", text, n, ok, c.Out)
		}
	}
	for _, text := range []string{"", "x", "+1", "01", "1.0", " 1", "9223372036854775808", "-9223372036854775809", "１"} {
		c := at(Read, "PROBE", text)
		if n, ok := c.ArgInt(1); ok || string(c.Out) != "-"+ErrNotInt+"\r\n" {
			t.Errorf("%q is %d, reply %q", text, n, c.Out)
		}
	}
	for text, want := range map[string]uint64{"0": 0, "18446744073709551615": math.MaxUint64} {
		c := at(Read, "SCAN", text)
		if n, ok := c.ArgCursor(1); !ok || n != want {
			t.Errorf("cursor %s is %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"", "x", "-1", "18446744073709551616", "1 ", "0x1", "1_0"} {
		c := at(Read, "SCAN", text)
		if n, ok := c.ArgCursor(1); ok || string(c.Out) != "-"+ErrCursor+"\r\n" {
			t.Errorf("cursor %q is %d, reply %q", text, n, c.Out)
		}
	}
}

func TestGetString(t *testing.T) {
	c := at(Read)
	c.Create([]byte("number"), value.NewString([]byte("1")))
	c.Create([]byte("text"), value.NewString([]byte("x")))
	c.Create([]byte("hash"), value.NewHash())
	for key, want := range map[string]struct{ found, ok bool }{
		"number": {true, true}, "text": {true, true}, "absent": {false, true}, "hash": {false, false},
	} {
		c.Out = nil
		ent, ok := c.GetString([]byte(key))
		if (ent != nil) != want.found || ok != want.ok || ok != (len(c.Out) == 0) {
			t.Errorf("%s: %v, %v, reply %q", key, ent, ok, c.Out)
		}
	}
}

func TestAddFloat(t *testing.T) {
	for _, test := range []struct{ old, delta, sum, reply string }{
		{"1", "0.5", "1.5", ""},
		{"", "2", "", "-old\r\n"}, // what is there is no number
		{"none", "2", "2", ""},    // nothing is there
		{"x", "1", "", "-old\r\n"},
		{"1", "x", "", "-" + ErrNotFloat + "\r\n"},
		{"1", "1e999999999", "", "-" + ErrNotFloat + "\r\n"},
		{"inf", "1", "", "-" + ErrNaN + "\r\n"},
		{"1", strings.Repeat("9", 6000), "", "-" + ErrNotFloat + "\r\n"},
	} {
		c := at(Write)
		old := []byte(test.old)
		if test.old == "none" {
			old = nil
		}
		sum, ok := c.AddFloat(old, []byte(test.delta), "old")
		if string(sum) != test.sum || ok != (test.reply == "") || string(c.Out) != test.reply {
			t.Errorf("%.20s + %.20s: %q, %v, reply %q", test.old, test.delta, sum, ok, c.Out)
		}
	}
}

func TestWords(t *testing.T) {
	for _, test := range []struct {
		text, word string
		same       bool
	}{
		{"COUNT", "COUNT", true},
		{"count", "COUNT", true},
		{"CoUnT", "COUNT", true},
		{"", "", true},
		{"COUN", "COUNT", false},
		{"COUNTS", "COUNT", false},
		{"CO\x00NT", "COUNT", false},
		{"{", "[", false},
		{"ſ", "S", false},
	} {
		if EqualFold([]byte(test.text), test.word) != test.same {
			t.Errorf("%q and %s: %v", test.text, test.word, !test.same)
		}
	}
	for n, want := range map[int]string{-1: "", 0: "", 2: "ab", 3: "abc", 9: "abc"} {
		if got := string(Clip([]byte("abc"), n)); got != want {
			t.Errorf("%d bytes of abc: %q", n, got)
		}
	}
}

func TestParseScan(t *testing.T) {
	for _, test := range []struct {
		words string
		count int
		match string
		kind  string
		fail  string
	}{
		{"", 10, "", "", ""},
		{"COUNT 1", 1, "", "", ""},
		{"count 7 match a* type HASH", 7, "a*", "hash", ""},
		{"COUNT 5 COUNT 6 MATCH x MATCH y", 6, "y", "", ""}, // the last one counts, as in Redis
		{"MATCH *", 10, "", "", ""},
		{"COUNT 9223372036854775807", 1 << 20, "", "", ""},
		{"COUNT 0", 0, "", "", ErrSyntax},
		{"COUNT -9223372036854775808", 0, "", "", ErrSyntax},
		{"COUNT x", 0, "", "", ErrNotInt},
		{"COUNT", 0, "", "", ErrSyntax},
		{"MATCH", 0, "", "", ErrSyntax},
		{"TYPE", 0, "", "", ErrSyntax},
		{"COUNTS 5", 0, "", "", ErrSyntax},
		{"COUNT 5 MATCH", 0, "", "", ErrSyntax},
	} {
		c := at(Read, strings.Fields("SCAN 0 "+test.words)...)
		o, ok := c.ParseScan(2, true)
		if test.fail != "" {
			if ok || string(c.Out) != "-"+test.fail+"\r\n" {
				t.Errorf("%s: %+v, reply %q", test.words, o, c.Out)
			}
			continue
		}
		if !ok || o.Count != test.count || string(o.Match) != test.match || string(o.Type) != test.kind || len(c.Out) > 0 {
			t.Errorf("%s: %+v, %v, reply %q", test.words, o, ok, c.Out)
		}
	}
	c := at(Read, "HSCAN", "k", "0", "TYPE", "hash")
	if _, ok := c.ParseScan(3, false); ok {
		t.Error("TYPE is taken where there is none")
	}
	c = at(Read, "SCAN", "0", "TYPE", "HASH")
	if _, ok := c.ParseScan(2, true); !ok || string(c.Args[3]) != "HASH" {
		t.Errorf("the client's word is now %q", c.Args[3])
	}
}

func TestWants(t *testing.T) {
	c := at(Write)
	text, hash := c.Create([]byte("a1"), value.NewString([]byte("x"))), c.Create([]byte("b1"), value.NewHash())
	for _, test := range []struct {
		o          ScanOptions
		text, hash bool
	}{
		{ScanOptions{}, true, true},
		{ScanOptions{Match: []byte("a*")}, true, false},
		{ScanOptions{Type: []byte("hash")}, false, true},
		{ScanOptions{Type: []byte("string"), Match: []byte("?1")}, true, false},
		{ScanOptions{Type: []byte("stream")}, false, false},
		{ScanOptions{Match: []byte("")}, false, false},
	} {
		if test.o.Wants(text) != test.text || test.o.Wants(hash) != test.hash {
			t.Errorf("%+v: %v %v", test.o, test.o.Wants(text), test.o.Wants(hash))
		}
	}
}

// FuzzParseScan holds that whatever a client sends is either taken, within the bounds,
// or answered once.
func FuzzParseScan(f *testing.F) {
	f.Add("COUNT 5 MATCH a* TYPE string")
	f.Add("count -1")
	f.Add("MATCH")
	f.Fuzz(func(t *testing.T, text string) {
		c := at(Read, strings.Split("SCAN 0 "+text, " ")...)
		o, ok := c.ParseScan(2, true)
		if ok && (o.Count < 1 || o.Count > 1<<20 || len(c.Out) > 0) {
			t.Errorf("%q: %+v, reply %q", text, o, c.Out)
		}
		if !ok && (len(c.Out) < 3 || bytes.Count(c.Out, []byte("\r\n")) != 1) {
			t.Errorf("%q: refused with %q", text, c.Out)
		}
		if n, ok := (&Call{Args: [][]byte{[]byte(text)}}).ArgCursor(0); ok && strconv.FormatUint(n, 10) != strings.TrimLeft(text, "0") && n != 0 {
			t.Errorf("cursor %q is %d", text, n)
		}
	})
}
