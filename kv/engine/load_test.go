package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pingd/kv/engine/bulk"
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
)

// load applies a payload and returns the reply.
func load(e *Engine, at int64, build func(*bulk.Payload)) string {
	var p bulk.Payload
	build(&p)
	var out Replies
	e.Apply(Stamp{UnixMilli: at}, []Command{{Proto: 2, Args: [][]byte{[]byte("pingd.load"), p.Bytes()}}}, &out)
	return string(out.At(0))
}

func text(s string) value.Value { return value.NewString([]byte(s)) }

func hash(pairs ...string) *value.Hash {
	h := value.NewHash()
	for i := 0; i < len(pairs); i += 2 {
		h.Set([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	return h
}

func TestLoad(t *testing.T) {
	e := New(Options{})
	apply(e, 1000, 2, 0, "HSET", "old", "f", "v")
	apply(e, 1000, 2, 0, "SET", "kept", "1", "PX", "5000")
	got := load(e, 1000, func(p *bulk.Payload) {
		p.Key(0, []byte("old"), 0, text("new"))
		p.Key(0, []byte("number"), 9000, text("41"))
		p.Key(0, []byte("over"), 999, text("x"))
		p.Key(0, []byte("now"), 1000, text("x"))
		p.Key(5, []byte("h"), 0, hash("f", "1", "g", "2"))
		p.More(5, []byte("h"), hash("g", "3", "i", "4"))
		p.Key(5, []byte("s"), 0, text("begin"))
		p.More(5, []byte("s"), text("-end"))
		p.More(5, []byte("gone"), text("-end"))
	})
	if got != "*3\r\n:4\r\n:2\r\n:1\r\n" {
		t.Errorf("reply %q", got)
	}
	for _, step := range []struct {
		db             uint8
		command, reply string
	}{
		{0, "GET old", "$3\r\nnew\r\n"},
		{0, "INCR number", ":42\r\n"},
		{0, "PEXPIRETIME number", ":9000\r\n"},
		{0, "EXISTS over now", ":0\r\n"},
		{0, "PTTL kept", ":5000\r\n"},
		{5, "HGETALL h", "*6\r\n$1\r\nf\r\n$1\r\n1\r\n$1\r\ng\r\n$1\r\n3\r\n$1\r\ni\r\n$1\r\n4\r\n"},
		{5, "GET s", "$9\r\nbegin-end\r\n"},
		{5, "EXISTS gone", ":0\r\n"},
		{0, "PINGD.SIZES", "*16\r\n:3\r\n:0\r\n:0\r\n:0\r\n:0\r\n:2\r\n" + strings.Repeat(":0\r\n", 10)},
	} {
		if got := apply(e, 1000, 2, step.db, strings.Fields(step.command)...); got != step.reply {
			t.Errorf("db%d %s: got %q, want %q", step.db, step.command, got, step.reply)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	e := New(Options{})
	apply(e, 1000, 2, 0, "SET", "s", "1")
	apply(e, 1000, 2, 0, "HSET", "h", "f", "v")
	before := e.Digest()
	if got := apply(e, 1000, 2, 0, "PINGD.LOAD", "garbage"); !strings.HasPrefix(got, "-ERR PINGD.LOAD: malformed bulk payload") {
		t.Errorf("garbage: %q", got)
	}
	if e.Digest() != before {
		t.Error("a malformed payload changed something")
	}
	for _, c := range []struct {
		key string
		val value.Value
	}{{"s", hash("f", "v")}, {"h", text("x")}} {
		got := load(e, 1000, func(p *bulk.Payload) { p.More(0, []byte(c.key), c.val) })
		if !strings.HasPrefix(got, "-WRONGTYPE") {
			t.Errorf("More of another type: %q", got)
		}
	}
	if e.Digest() != before {
		t.Error("parts of another type changed something")
	}
}

// TestLoadFlush removes everything but what is to be kept, as one step.
func TestLoadFlush(t *testing.T) {
	e := New(Options{})
	apply(e, 1000, 2, 0, "SET", "lease", "me", "PX", "5000")
	apply(e, 1000, 2, 0, "SET", "data", "1")
	apply(e, 1000, 2, 9, "SET", "lease", "of another database")
	var events []string
	e.OnEvents(func(list []Event) {
		for _, ev := range list {
			events = append(events, fmt.Sprintf("%s %s", ev.Name, ev.Key))
		}
	})
	got := load(e, 1000, func(p *bulk.Payload) {
		p.Flush([][]byte{[]byte("lease"), []byte("no such key"), []byte("lease")})
		p.Key(0, []byte("new"), 0, text("1"))
	})
	if got != "*3\r\n:1\r\n:0\r\n:0\r\n" {
		t.Errorf("reply %q", got)
	}
	if got := apply(e, 1000, 2, 0, "PTTL", "lease"); got != ":5000\r\n" {
		t.Errorf("the lease that was to be kept: PTTL %q", got)
	}
	if got := apply(e, 1000, 2, 0, "EXISTS", "data"); got != ":0\r\n" {
		t.Errorf("EXISTS data = %q", got)
	}
	if got := apply(e, 1000, 2, 9, "DBSIZE"); got != ":0\r\n" {
		t.Errorf("DBSIZE of 9 = %q", got)
	}
	if want := "[flushall  restore new]"; fmt.Sprint(events) != want {
		t.Errorf("events %v, want %s", events, want)
	}
	if s := e.Stats(); s.Keys[0] != 2 || s.Expires[0] != 1 {
		t.Errorf("stats %+v", s)
	}
}

// TestLoadTellsOfEachPart: whoever has cached a key that is half loaded must hear of
// the other half.
func TestLoadTellsOfEachPart(t *testing.T) {
	e := New(Options{})
	var events []string
	e.OnEvents(func(list []Event) {
		for _, ev := range list {
			events = append(events, fmt.Sprintf("%s %s", ev.Name, ev.Key))
		}
	})
	load(e, 1000, func(p *bulk.Payload) { p.Key(0, []byte("s"), 0, text("half")) })
	load(e, 1000, func(p *bulk.Payload) { p.More(0, []byte("s"), text("whole")) })
	load(e, 1000, func(p *bulk.Payload) { p.More(0, []byte("none"), text("orphan")) })
	if want := "[restore s restore s]"; fmt.Sprint(events) != want {
		t.Errorf("events %v, want %s", events, want)
	}
}

// TestLoadBesideSnapshot: a snapshot that is being written must not see what is
// loaded after it was taken, nor lose what was replaced.
func TestLoadBesideSnapshot(t *testing.T) {
	e := New(Options{})
	apply(e, 1000, 2, 0, "HSET", "h", "f", "old")
	apply(e, 1000, 2, 0, "SET", "s", "old")
	before := e.Digest()
	snap := e.Snapshot()
	defer snap.Close()
	load(e, 1000, func(p *bulk.Payload) {
		p.More(0, []byte("h"), hash("f", "new", "g", "new"))
		p.More(0, []byte("s"), text("new"))
		p.Flush(nil)
		p.Key(0, []byte("s"), 0, text("newest"))
	})
	var buf bytes.Buffer
	if _, err := snap.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	again := New(Options{})
	if err := again.Restore(&buf); err != nil {
		t.Fatal(err)
	}
	if again.Digest() != before {
		t.Error("the snapshot holds another state than that when it was taken")
	}
}

// TestLoadCountsBytes: what STATS says of a loaded store is what it says of the
// same store built by commands.
func TestLoadCountsBytes(t *testing.T) {
	loaded, built := New(Options{}), New(Options{})
	load(loaded, 1, func(p *bulk.Payload) {
		p.Key(0, []byte("s"), 0, text("abc"))
		p.More(0, []byte("s"), text("def"))
		p.Key(0, []byte("h"), 0, hash("f", "1"))
		p.More(0, []byte("h"), hash("f", "22", "g", "3"))
	})
	for _, c := range []string{"SET s abc", "APPEND s def", "HSET h f 1", "HSET h f 22 g 3"} {
		apply(built, 1, 2, 0, strings.Fields(c)...)
	}
	if a, b := loaded.Stats(), built.Stats(); a.Bytes != b.Bytes || a.Keys != b.Keys {
		t.Errorf("loaded %+v, built %+v", a, b)
	}
}

// TestWalk reads a snapshot key by key.
func TestWalk(t *testing.T) {
	e := New(Options{})
	want := map[string]string{}
	for i := range 3000 {
		db := uint8(i % 3)
		key := fmt.Sprintf("key%d", i)
		apply(e, 1000, 2, db, "SET", key, fmt.Sprint(i), "PXAT", fmt.Sprint(10_000+i))
		want[fmt.Sprintf("%d/%s", db, key)] = fmt.Sprintf("%d until %d", i, 10_000+i)
	}
	apply(e, 1000, 2, 0, "ONCE", "t", "1000", "PING")
	snap := e.Snapshot()
	defer snap.Close()
	var buf bytes.Buffer
	if _, err := snap.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	scanned, err := keyspace.Walk(&buf, func(k keyspace.Stored) error {
		id := fmt.Sprintf("%d/%s", k.DB, k.Name)
		got := fmt.Sprintf("%s until %d", value.Bytes(k.Value, make([]byte, 20)), k.ExpireAt)
		if want[id] != got {
			t.Errorf("%s: %s, want %s", id, got, want[id])
		}
		delete(want, id)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v, %d keys missing", err, len(want))
	}
	if scanned.Keys != 3000 || scanned.Tokens != 1 || scanned.Now != 1000 {
		t.Errorf("scanned %+v", scanned)
	}
}
