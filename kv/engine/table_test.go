package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pingd/kv/engine/call"
)

// TestReplies gives exact replies in both protocols; | separates steps.
func TestReplies(t *testing.T) {
	for _, test := range []struct{ commands, resp2, resp3 string }{
		{"GET no", "$-1\r\n", "_\r\n"},
		{"SET a 1 XX", "$-1\r\n", "_\r\n"},
		{"SET a 1|GETDEL a|EXISTS a", ":0\r\n", ":0\r\n"},
		{"SET a x|MGET a no", "*2\r\n$1\r\nx\r\n$-1\r\n", "*2\r\n$1\r\nx\r\n_\r\n"},
		{"SET a x EX 0", "-ERR invalid expire time in 'set' command\r\n", ""},
		{"SET a x EX 10|PTTL a", ":10000\r\n", ""},
		{"SET a x PX 1499|TTL a", ":1\r\n", ""},
		{"SET a x PX 1500|TTL a", ":2\r\n", ""},
		{"SET a x PX 10|SET a y KEEPTTL|PEXPIRETIME a", ":1010\r\n", ""},
		{"INCRBYFLOAT a 0.1|INCRBYFLOAT a 0.2", "$3\r\n0.3\r\n", ""},
		{"SET a x|INCR a", "-ERR value is not an integer or out of range\r\n", ""},
		{"SET a 9223372036854775807|INCR a", "-ERR increment or decrement would overflow\r\n", ""},
		{"GET", "-ERR wrong number of arguments for 'get' command\r\n", ""},
		{"FOO a b", "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' \r\n", ""},
		{"RANDOMKEY", "$-1\r\n", "_\r\n"},
		{"SET a 1|RANDOMKEY", "$1\r\na\r\n", ""},
		{"SELECT 3", "+OK\r\n", ""},
		{"SELECT 99", "-ERR DB index is out of range\r\n", ""},
		{"SET a 1|MOVE a 2|DBSIZE", ":0\r\n", ""},
		{"SET a 1|SWAPDB 0 1|DBSIZE", ":0\r\n", ""},
		{"SET a 1|APPEND a 23|OBJECT ENCODING a", "$3\r\nraw\r\n", ""},
		{"PINGD.VERSION no", ":0\r\n", ""},
		{"SET a 1|SET a 1|PINGD.VERSION a", ":2\r\n", ""},
		{"ONCE t 0 INCR a", "-ERR invalid expire time in 'once' command\r\n", ""},
		{"ONCE t 5 ONCE u 5 INCR a", "-ERR ONCE cannot run ONCE\r\n", ""},
		{"ONCE t 5 GET|ONCE t 5 GET a", "-ERR wrong number of arguments for 'get' command\r\n", ""},
		{"SET a x|ONCEINCR a 5 t u", "-ERR value is not an integer or out of range\r\n", ""},
		{"ONCEINCR a 5 t u t|ONCEINCR b 5 t|ONCEINCR a 5 u v", "*2\r\n:2\r\n:3\r\n", ""},
	} {
		for proto, want := range map[uint8]string{2: test.resp2, 3: test.resp3} {
			if want == "" {
				want = test.resp2
			}
			e, got := New(Options{}), ""
			for _, command := range strings.Split(test.commands, "|") {
				got = apply(e, 1000, proto, 0, strings.Fields(command)...)
			}
			if got != want {
				t.Errorf("RESP%d %s: got %q, want %q", proto, test.commands, got, want)
			}
		}
	}
}

func TestExpiryByLogTime(t *testing.T) {
	e := New(Options{})
	apply(e, 1000, 2, 0, "SET", "a", "1", "PX", "500")
	if ms, ok := e.NextDue(); !ok || ms != 1500 {
		t.Errorf("NextDue = %d, %v", ms, ok)
	}
	read := func(now int64) string {
		var out Replies
		e.Read(now, []Command{{Proto: 2, Args: args("GET", "a")}}, &out)
		return string(out.Buf)
	}
	if got := read(1499); got != "$1\r\n1\r\n" {
		t.Errorf("before its end: %q", got)
	}
	if got := read(1500); got != "$-1\r\n" {
		t.Errorf("at its end by the wall clock: %q", got)
	}
	if e.Version(0, []byte("a")) == 0 {
		t.Error("the wall clock removed the key")
	}
	var events []Event
	e.OnEvents(func(list []Event) { events = slices.Clone(list) })
	var out Replies
	e.Apply(Stamp{UnixMilli: 1500}, nil, &out)
	if len(events) != 1 || events[0].Name != "expired" || string(events[0].Key) != "a" {
		t.Errorf("events %v", events)
	}
	if e.Version(0, []byte("a")) != 0 || e.Stats().Keys[0] != 0 {
		t.Error("the key outlived log time")
	}
	e.Apply(Stamp{UnixMilli: 5}, nil, &out)
	if e.Now() != 1500 {
		t.Errorf("log time went back to %d", e.Now())
	}
}

func TestExpiryIsBounded(t *testing.T) {
	e := New(Options{})
	for i := range 2 * expirePerApply {
		apply(e, 1, 2, 0, "SET", fmt.Sprint(i), "x", "PX", "10")
	}
	var out Replies
	e.Apply(Stamp{UnixMilli: 100}, nil, &out)
	if n := e.Stats().Keys[0]; n != expirePerApply {
		t.Errorf("%d keys left, want %d", n, expirePerApply)
	}
	if ms, ok := e.NextDue(); !ok || ms > 100 {
		t.Errorf("NextDue = %d, %v: the rest would be forgotten", ms, ok)
	}
}

func TestTransaction(t *testing.T) {
	e := New(Options{})
	apply(e, 1, 2, 0, "SET", "a", "1")
	watch := []Watch{{Key: []byte("a"), Version: e.Version(0, []byte("a"))}, {Key: []byte("no")}}
	txn := Command{Proto: 2, Txn: &Txn{Watch: watch, Cmds: []Command{
		{Proto: 2, Args: args("INCR", "a")},
		{Literal: []byte("+PONG\r\n")},
		{Proto: 2, Args: args("INCR")},
		{Proto: 2, DB: 4, Args: args("SET", "b", "x")},
	}}}
	var out Replies
	e.Apply(Stamp{}, []Command{txn, txn}, &out)
	want := "*4\r\n:2\r\n+PONG\r\n-ERR wrong number of arguments for 'incr' command\r\n+OK\r\n"
	if got := string(out.At(0)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(out.At(1)); got != "*-1\r\n" {
		t.Errorf("with a changed key: got %q", got)
	}
	if e.Stats().Keys[4] != 1 {
		t.Error("a command of the transaction was not run in its own database")
	}
}

func TestReadRefusesWrites(t *testing.T) {
	e := New(Options{})
	before := e.Digest()
	for _, s := range Specs() {
		words := []string{s.Name}
		for range max(s.Arity, -s.Arity) - 1 {
			words = append(words, "1")
		}
		var out Replies
		e.Read(1, []Command{{Proto: 2, Args: args(words...)}}, &out)
		refused := string(out.Buf) == "-"+call.ErrReadOnly+"\r\n"
		if refused != (s.Flags&Write != 0) || s.Flags&(Read|Write) == 0 {
			t.Errorf("%s: %q", s.Name, out.Buf)
		}
		if Lookup([]byte(strings.ToLower(s.Name))).Name != s.Name || s.Summary == "" || s.Group == "" {
			t.Errorf("%s is badly described", s.Name)
		}
	}
	if e.Digest() != before {
		t.Error("a read changed the state")
	}
	if Lookup([]byte("nosuch")) != nil || Lookup(make([]byte, 100)) != nil {
		t.Error("Lookup found what is not there")
	}
}

// TestEvents holds the names of keyspace events against Redis's.
func TestEvents(t *testing.T) {
	for commands, want := range map[string]string{
		"SET a 1":                         "$set",
		"SET a 1 EX 5":                    "$set gexpire",
		"INCR a":                          "$incrby",
		"APPEND a x":                      "$append",
		"SET a 1|RENAME a b":              "$set grename_from grename_to",
		"SET a 1|COPY a b":                "$set gcopy_to",
		"SET a 1|MOVE a 2":                "$set gmove_from gmove_to",
		"SET a 1|PERSIST a|DEL a":         "$set gdel",
		"SET a 1|EXPIRE a 9|PERSIST a":    "$set gexpire gpersist",
		"SET a 1|EXPIRE a -1":             "$set gdel",
		"SETRANGE a 1 x|GETDEL a":         "$setrange gdel",
		"MSET a 1 b 2|FLUSHALL":           "$set $set gflushall",
		"ONCE t 9 INCR a|ONCE t 9 INCR a": "$incrby",
	} {
		e := New(Options{})
		var got []string
		e.OnEvents(func(list []Event) {
			for _, ev := range list {
				got = append(got, string(rune(ev.Class))+ev.Name)
			}
		})
		for _, command := range strings.Split(commands, "|") {
			apply(e, 1000, 2, 0, strings.Fields(command)...)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", commands, got, want)
		}
	}
}

// TestScanMovesBetweenNodes continues a walk on another replica.
func TestScanMovesBetweenNodes(t *testing.T) {
	a, b := New(Options{}), New(Options{})
	for i := range 1000 {
		apply(a, 1, 2, 0, "SET", fmt.Sprint(i), "x")
		apply(b, 1, 2, 0, "SET", fmt.Sprint(999-i), "x")
	}
	seen := map[string]bool{}
	cursor := "0"
	for i := 0; ; i++ {
		e := []*Engine{a, b}[i%2]
		words := strings.Split(apply(e, 1, 2, 0, "SCAN", cursor, "COUNT", "13"), "\r\n")
		cursor = words[2]
		for j := 5; j < len(words); j += 2 {
			if seen[words[j]] {
				t.Fatalf("%s came twice", words[j])
			}
			seen[words[j]] = true
		}
		if cursor == "0" {
			break
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d of 1000 keys seen", len(seen))
	}
}

// TestNoAllocation holds the hot paths to what they promise.
func TestNoAllocation(t *testing.T) {
	e := New(Options{})
	var out Replies
	cmds := []Command{{Proto: 2, Args: args("INCR", "a")}}
	get := []Command{{Proto: 2, Args: args("GET", "a")}}
	hget := []Command{{Proto: 2, Args: args("HGET", "small", "f7")}, {Proto: 2, Args: args("HGET", "large", "f7")}}
	fillHash(e, "small", 10)
	fillHash(e, "large", 1000)
	e.Apply(Stamp{}, cmds, &out)
	name := []byte("incrby")
	for what, fn := range map[string]func(){
		"INCR":   func() { out.Reset(); e.Apply(Stamp{}, cmds, &out) },
		"GET":    func() { out.Reset(); e.Read(0, get, &out) },
		"HGET":   func() { out.Reset(); e.Read(0, hget, &out) },
		"Lookup": func() { Lookup(name) },
	} {
		if n := testing.AllocsPerRun(100, fn); n >= 1 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
}
