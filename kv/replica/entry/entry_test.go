package entry

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"pingd/kv/engine"
)

func args(words ...string) [][]byte {
	list := make([][]byte, 0, len(words))
	for _, w := range words {
		list = append(list, []byte(w))
	}
	return list
}

// sample is an entry with all that one can hold.
func sample() (engine.Stamp, []Group) {
	return engine.Stamp{UnixMilli: 1_700_000_000_123, Seed: 42, Level: 1}, []Group{
		{Origin: Origin{Node: "n1", Incarnation: 7, Number: 3, Oldest: 2}, Cmds: []engine.Command{
			{DB: 1, Proto: 2, Args: args("SET", "k", "v"), Client: 300},
			{DB: 2, Proto: 3, Txn: &engine.Txn{
				Watch: []engine.Watch{{DB: 4, Key: []byte("w"), Version: 9}},
				Cmds:  []engine.Command{{Proto: 3, Args: args("INCR", "k")}, {Proto: 3, Literal: []byte("+OK\r\n")}},
			}},
		}},
		{Origin: Origin{Node: "n2", Incarnation: 1 << 63, Number: 1, Oldest: 1}, Cmds: []engine.Command{
			{Args: args("PING")},
		}},
	}
}

func encode(stamp engine.Stamp, groups []Group) []byte {
	b := AppendBatch(nil, stamp, len(groups))
	for _, g := range groups {
		b = AppendOrigin(b, g.Origin, len(g.Cmds))
		for i := range g.Cmds {
			b = AppendCommand(b, &g.Cmds[i])
		}
	}
	return b
}

func TestEntryComesBackAsItWas(t *testing.T) {
	stamp, groups := sample()
	var d Decoder
	for range 3 { // the decoder is used again and again
		e, err := d.Entry(encode(stamp, groups))
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != KindBatch || e.Stamp != stamp || !reflect.DeepEqual(e.Groups, groups) {
			t.Fatalf("decoded %+v", e)
		}
	}
	e, err := d.Entry(AppendPayload(nil, KindForget, stamp, []byte("n3")))
	if err != nil || e.Kind != KindForget || e.Stamp != stamp || string(e.Payload) != "n3" {
		t.Fatalf("decoded %+v, %v", e, err)
	}
}

func TestEntriesOfEveryVersionAreRead(t *testing.T) {
	stamp, groups := sample()
	for version := uint8(1); version <= Version; version++ {
		stamp.Level = version
		var d Decoder
		e, err := d.Entry(encode(stamp, groups))
		if err != nil || e.Version != version || e.Stamp != stamp || !reflect.DeepEqual(e.Groups, groups) {
			t.Errorf("version %d: %+v, %v", version, e, err)
		}
	}
	for _, version := range []uint8{0, Version + 1} {
		b := encode(stamp, groups)
		b[0] = version
		var d Decoder
		if _, err := d.Entry(b); !errors.Is(err, ErrVersion) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// What the first version of the program wrote is read for ever, byte for byte.
func TestTheFirstVersionsBytes(t *testing.T) {
	const batch = "\x01\x01\xd0\x0f*\x00\x00\x00\x00\x00\x00\x00\x01\x02n1\x07\x03\x02\x01\x00\x01\x02\x03\x03SET\x01k\x01v"
	const forget = "\x01\x03\xd0\x0f*\x00\x00\x00\x00\x00\x00\x00n3"
	stamp := engine.Stamp{UnixMilli: 1000, Seed: 42, Level: 1}
	group := Group{Origin: Origin{Node: "n1", Incarnation: 7, Number: 3, Oldest: 2}, Cmds: []engine.Command{{DB: 1, Proto: 2, Args: args("SET", "k", "v")}}}
	if got := string(encode(stamp, []Group{group})); got != batch {
		t.Errorf("writes %q", got)
	}
	if got := string(AppendPayload(nil, KindForget, stamp, []byte("n3"))); got != forget {
		t.Errorf("writes %q", got)
	}
	var d Decoder
	if e, err := d.Entry([]byte(batch)); err != nil || e.Stamp != stamp || !reflect.DeepEqual(e.Groups, []Group{group}) {
		t.Errorf("reads %+v, %v", e, err)
	}
	if e, err := d.Entry([]byte(forget)); err != nil || e.Kind != KindForget || string(e.Payload) != "n3" {
		t.Errorf("reads %+v, %v", e, err)
	}
}

func TestGroupAndCommandsComeBack(t *testing.T) {
	_, groups := sample()
	var d Decoder
	g := groups[0]
	b := AppendOrigin(nil, g.Origin, len(g.Cmds))
	for i := range g.Cmds {
		b = AppendCommand(b, &g.Cmds[i])
	}
	if got, err := d.Group(b); err != nil || !reflect.DeepEqual(got, g) {
		t.Fatalf("decoded %+v, %v", got, err)
	}
	if got, err := d.Commands(AppendCommands(nil, g.Cmds)); err != nil || !reflect.DeepEqual(got, g.Cmds) {
		t.Fatalf("decoded %+v, %v", got, err)
	}
}

func TestEveryCutEntryIsRefused(t *testing.T) {
	stamp, groups := sample()
	whole := encode(stamp, groups)
	var d Decoder
	for n := range len(whole) {
		if _, err := d.Entry(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
	cases := map[string][]byte{
		"version": append([]byte{99}, whole[1:]...),
		"kind":    append([]byte{Version, 99}, whole[2:]...),
		"longer":  append(bytes.Clone(whole), 0),
		"nested":  AppendOrigin(AppendBatch(nil, stamp, 1), Origin{}, 1),
	}
	inner := engine.Command{Txn: &engine.Txn{}}
	cases["nested"] = AppendCommand(cases["nested"], &engine.Command{Txn: &engine.Txn{Cmds: []engine.Command{inner}}})
	for name, b := range cases {
		_, err := d.Entry(b)
		if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrVersion) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRepliesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r engine.Replies
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			r.Buf = append(r.Buf, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "reply")...)
			r.End()
		}
		got, err := ParseReplies(AppendReplies(nil, &r))
		if err != nil || got.Len() != r.Len() || !bytes.Equal(got.Buf, r.Buf) {
			t.Fatal(err, got, r)
		}
		for i := range r.Len() {
			if !bytes.Equal(got.At(i), r.At(i)) {
				t.Fatal(i)
			}
		}
	})
}

func TestDecodingDoesNotAllocate(t *testing.T) {
	g := Group{Origin: Origin{Node: "", Number: 1}}
	for range 50 {
		g.Cmds = append(g.Cmds, engine.Command{Args: args("INCR", "counter")})
	}
	b := encode(engine.Stamp{}, []Group{g})
	var d Decoder
	if _, err := d.Entry(b); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = d.Entry(b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(encode(sample()))
	f.Add(AppendPayload(nil, KindMember, engine.Stamp{}, []byte("{}")))
	f.Add([]byte{Version, byte(KindBatch), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x03})
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		e, err := d.Entry(b)
		if err != nil || e.Kind != KindBatch {
			return
		}
		// What was understood says the same when written anew.
		var d2 Decoder
		again, err := d2.Entry(encode(e.Stamp, e.Groups))
		if err != nil || len(again.Groups) != len(e.Groups) {
			t.Fatalf("written anew: %v", err)
		}
	})
}

func FuzzReplies(f *testing.F) {
	f.Add(AppendReplies(nil, &engine.Replies{Buf: []byte("+OK\r\n:1\r\n"), Ends: []int{5, 9}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReplies(b)
		if err != nil {
			return
		}
		for i := range r.Len() {
			_ = r.At(i)
		}
	})
}
