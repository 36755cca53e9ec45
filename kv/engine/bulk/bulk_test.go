package bulk

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pingd/kv/engine/value"
)

// show writes a record for comparing.
func show(r Record) string {
	s := fmt.Sprintf("%c db%d %q until %d", r.Op, r.DB, r.Name, r.ExpireAt)
	if r.Value != nil {
		s += fmt.Sprintf(" %d %q", r.Value.Kind(), r.Value.Append(nil))
	}
	for _, k := range r.Keep {
		s += fmt.Sprintf(" keep %q", k)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte())
		var p Payload
		var want []string
		note := func(r Record) { want = append(want, show(r)) }
		for range rapid.IntRange(0, 12).Draw(t, "records") {
			db, name := uint8(rapid.IntRange(0, 15).Draw(t, "db")), text.Draw(t, "name")
			var v value.Value = value.NewString(text.Draw(t, "text"))
			if rapid.Bool().Draw(t, "hash") {
				h := value.NewHash()
				for _, f := range rapid.SliceOfN(text, 1, 5).Draw(t, "fields") {
					h.Set(f, name)
				}
				v = h
			}
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0:
				keep := rapid.SliceOf(text).Draw(t, "keep")
				p.Flush(keep)
				// A flush keeps to no database.
				want = append(want, "flush "+fmt.Sprintf("%q", keep))
			case 1:
				p.More(db, name, v)
				note(Record{Op: More, DB: db, Name: name, Value: v})
			default:
				at := rapid.Int64Range(0, 1<<60).Draw(t, "expiry")
				p.Key(db, name, at, v)
				note(Record{Op: Key, DB: db, Name: name, ExpireAt: at, Value: v})
			}
		}
		if p.Records() != len(want) {
			t.Fatalf("%d records counted, %d added", p.Records(), len(want))
		}
		if p.Len() == 0 {
			return
		}
		got, err := Decode(p.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		for i, r := range got {
			line := show(r)
			if r.Op == Flush {
				line = "flush " + fmt.Sprintf("%q", r.Keep)
				if len(r.Keep) == 0 {
					line = "flush []"
				}
			}
			if line != want[i] {
				t.Fatalf("record %d: %s\nwant %s", i, line, want[i])
			}
		}
		p.Reset()
		if p.Len() != 0 || p.Records() != 0 {
			t.Fatal("Reset leaves something")
		}
	})
}

func TestMalformed(t *testing.T) {
	var p Payload
	p.Key(3, []byte("k"), 7, value.NewString([]byte("v")))
	good := p.Bytes()
	for name, b := range map[string][]byte{
		"empty":           {},
		"another version": append([]byte{Version + 1}, good[1:]...),
		"cut":             good[:len(good)-1],
		"more behind":     append(bytes.Clone(good), 'k'),
		"unknown op":      {Version, '?'},
		"unknown kind":    {Version, 'k', 99, 1, 'k', 0},
		"database 16":     {Version, 'd', 16},
		"expiry below 0":  {Version, 'k', 1, 1, 'k', 1, 0},
		"keep of a lie":   {Version, 'f', 255, 255, 255, 255, 15},
	} {
		if _, err := Decode(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode(good); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	var p Payload
	p.Flush([][]byte{[]byte("a")})
	p.Key(3, []byte("k"), 7, value.NewString([]byte(strings.Repeat("v", 50))))
	h := value.NewHash()
	h.Set([]byte("f"), []byte("v"))
	p.More(0, []byte("h"), h)
	f.Add(p.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("unexpected kind of error: %v", err)
			}
			return
		}
		// What was accepted is written and read again as the same.
		var p Payload
		for _, r := range list {
			switch r.Op {
			case Flush:
				p.Flush(r.Keep)
			case Key:
				p.Key(r.DB, r.Name, r.ExpireAt, r.Value)
			case More:
				p.More(r.DB, r.Name, r.Value)
			}
		}
		if p.Len() == 0 {
			return
		}
		again, err := Decode(p.Bytes())
		if err != nil || len(again) != len(list) {
			t.Fatalf("written again: %d of %d records, %v", len(again), len(list), err)
		}
	})
}
