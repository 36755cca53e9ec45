package keyspace

import (
	"bytes"
	"testing"

	"pingd/kv/engine/once"
	"pingd/kv/engine/value"
)

// sealed puts records into a well-formed block.
func sealed(t testing.TB, records []byte) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	b := &blockWriter{w: &out}
	b.raw([]byte(snapshotMagic))
	b.begin()
	b.buf = append(b.buf, records...)
	if err := b.flush(0); err != nil {
		t.Fatal(err)
	}
	return &out
}

// hashRecord returns the record of a hash with the body.
func hashRecord(body ...byte) []byte {
	return append([]byte{recordKey, byte(value.KindHash), 1, 'h', 0, 1}, body...)
}

// records returns a whole small state.
func records() []byte {
	buf := appendHead(nil, 1000, 9)
	buf = append(buf, recordDB, 2)
	for key, val := range map[string]value.Value{"n": &value.Number{N: -5}, "t": &value.Text{B: []byte("text"), Grown: true}} {
		buf = (&Entry{Key: key, Val: val, Version: 3, ExpireAt: 5000}).append(buf)
	}
	buf = appendToken(buf, once.Hash([]byte("x")), 7000, []byte(":1\r\n"))
	return append(buf, recordEnd, 2, 1)
}

func TestRestoreRecords(t *testing.T) {
	s := New(0)
	if err := s.Restore(sealed(t, records())); err != nil {
		t.Fatal(err)
	}
	if s.Size(2) != 2 || s.Expires(2) != 2 || s.Tokens.Len() != 1 || s.Now != 1000 {
		t.Errorf("restored %d keys, %d expires, %d tokens at %d", s.Size(2), s.Expires(2), s.Tokens.Len(), s.Now)
	}
	if got := s.Lookup(2, []byte("t")).Val.Encoding(); got != "raw" {
		t.Errorf("encoding %s", got)
	}
}

// TestRestoreRecordsRefused has valid checksums over impossible records.
func TestRestoreRecordsRefused(t *testing.T) {
	good := records()
	end := good[len(good)-3:]
	key := (&Entry{Key: "n", Val: &value.Number{}, Version: 3}).append(nil)
	head := appendHead(nil, 1000, 9)
	for name, list := range map[string][][]byte{
		"no head":        {good[4:]},
		"two heads":      {head, good},
		"after the end":  {good, end},
		"key twice":      {head, key, key, {recordEnd, 2, 0}},
		"wrong count":    {head, key, {recordEnd, 2, 0}},
		"database 16":    {head, {recordDB, 16}},
		"unknown record": {head, {'?'}},
		"unknown kind":   {head, {recordKey, 200, 1, 'a', 0, 1, 0}},
		"future version": {head, (&Entry{Key: "n", Val: &value.Number{}, Version: 10}).append(nil), {recordEnd, 1, 0}},
		"empty hash":     {head, hashRecord(0, 0), {recordEnd, 1, 0}},
		"field twice":    {head, hashRecord(0, 2, 1, 'f', 0, 1, 'f', 0), {recordEnd, 1, 0}},
		"hash cut short": {head, hashRecord(0, 200, 1, 'f', 0), {recordEnd, 1, 0}},
		"hash of a size": {head, hashRecord(2, 1, 1, 'f', 0), {recordEnd, 1, 0}},
		"cut":            {good[:len(good)-1]},
	} {
		if err := New(0).Restore(sealed(t, bytes.Join(list, nil))); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzRecords gives restoring arbitrary records under a valid checksum.
func FuzzRecords(f *testing.F) {
	f.Add(records())
	head := appendHead(nil, 1000, 9)
	for _, large := range []byte{0, 1} {
		f.Add(bytes.Join([][]byte{head, hashRecord(large, 2, 1, 'f', 1, 'v', 1, 'g', 0), {recordEnd, 1, 0}}, nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := New(0)
		if s.Restore(sealed(t, data)) != nil {
			return
		}
		before := s.Digest()
		var buf bytes.Buffer
		snap := s.Snapshot()
		defer snap.Close()
		if _, err := snap.WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		again := New(0)
		if err := again.Restore(&buf); err != nil {
			t.Fatal(err)
		}
		if again.Digest() != before {
			t.Error("a restored state is not restored again")
		}
	})
}
