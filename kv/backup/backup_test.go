package backup

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"pingd/kv/engine"
	"pingd/kv/engine/keyspace"
	"pingd/kv/engine/value"
	"pingd/kv/rdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is an engine that commands are given to as words.
type store struct {
	*engine.Engine
	t  testing.TB
	at int64
}

func newStore(t testing.TB) *store {
	return &store{engine.New(engine.Options{}), t, time.Now().UnixMilli()}
}

func (s *store) do(db uint8, words ...string) string {
	s.t.Helper()
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return s.run(db, args)
}

func (s *store) run(db uint8, args [][]byte) string {
	s.t.Helper()
	var out engine.Replies
	s.Apply(engine.Stamp{UnixMilli: s.at}, []engine.Command{{DB: db, Proto: 2, Args: args}}, &out)
	reply := string(out.At(0))
	if strings.HasPrefix(reply, "-") {
		s.t.Fatalf("%.60q: %s", args, reply)
	}
	return reply
}

// fill puts some of everything into the store: many keys, large ones, every
// database.
func (s *store) fill() {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		db := uint8(i % databases)
		s.do(db, "SET", fmt.Sprintf("s%d", i), strings.Repeat("v", r.IntN(200)))
		s.do(db, "SET", fmt.Sprintf("n%d", i), fmt.Sprint(r.Int64()))
		s.do(db, "HSET", fmt.Sprintf("h%d", i%300), fmt.Sprintf("f%d", i), fmt.Sprint(i))
		if i%7 == 0 {
			s.do(db, "PEXPIRE", fmt.Sprintf("s%d", i), fmt.Sprint(1000*(i+100)))
		}
	}
	s.do(0, "SET", "big", strings.Repeat("0123456789abcdef", 5<<16)) // 5 MiB
	for i := range 30_000 {
		s.do(1, "HSET", "wide", fmt.Sprintf("field%d", i), strings.Repeat("x", 100))
	}
	s.do(2, "SET", "", "the empty name")
	s.do(2, "ONCE", "token", "60000", "INCR", "once")
}

// backup returns a backup of the store.
func (s *store) backup() []byte {
	s.t.Helper()
	snap := s.Snapshot()
	defer snap.Close()
	var state, out bytes.Buffer
	if _, err := snap.WriteTo(&state); err != nil {
		s.t.Fatal(err)
	}
	if err := Write(&out, testHead, &state); err != nil {
		s.t.Fatal(err)
	}
	return out.Bytes()
}

var testHead = Head{Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Cluster: "c", Node: "n1", Program: "v1", Index: 42, Term: 3}

// contents lists every key with its value, whatever its version and encoding.
func (s *store) contents() []string {
	s.t.Helper()
	snap := s.Snapshot()
	defer snap.Close()
	var state bytes.Buffer
	if _, err := snap.WriteTo(&state); err != nil {
		s.t.Fatal(err)
	}
	var list []string
	_, err := keyspace.Walk(&state, func(k keyspace.Stored) error {
		list = append(list, describe(k.DB, k.Name, k.ExpireAt, k.Value))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func describe(db uint8, name []byte, expireAt int64, v value.Value) string {
	s := fmt.Sprintf("%d %q %d %s", db, name, expireAt, v.Type())
	h, ok := v.(*value.Hash)
	if !ok {
		return fmt.Sprintf("%s %q", s, value.Bytes(v, make([]byte, 20)))
	}
	var fields []string
	h.Each(func(f *value.Field) { fields = append(fields, fmt.Sprintf("%q=%q", f.Name(), f.Value())) })
	slices.Sort(fields)
	return s + strings.Join(fields, " ")
}

// load loads a file as a restore does.
func (s *store) load(file []byte) {
	s.t.Helper()
	err := Load(bytes.NewReader(file), nil, func(payload []byte, _ bool) error {
		if len(payload) > 16<<20 {
			s.t.Fatalf("payload of %d bytes", len(payload))
		}
		s.run(0, [][]byte{[]byte("PINGD.LOAD"), payload})
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d keys, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("key %d: %.200s\nwant   %.200s", i, got[i], want[i])
		}
	}
}

// TestBackupAndRestore: what comes back is what went in, through a backup and
// through an RDB file.
func TestBackupAndRestore(t *testing.T) {
	s := newStore(t)
	s.fill()
	want := s.contents()
	file := s.backup()

	report, err := Verify(iotest.HalfReader(bytes.NewReader(file)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Backup || report.Head != testHead || report.Keys != len(want) || report.Databases != databases || report.Bytes != int64(len(file)) {
		t.Errorf("report %+v", report)
	}
	if text := report.Origin(); text != "backup made by node n1 at 2026-01-02T03:04:05Z, log index 42" {
		t.Errorf("origin: %s", text)
	}
	again := newStore(t)
	again.load(file)
	equal(t, again.contents(), want)

	var dump bytes.Buffer
	keys, err := ToRDB(&dump, bytes.NewReader(file))
	if err != nil || keys != len(want) {
		t.Fatalf("ToRDB: %d keys, %v", keys, err)
	}
	report, err = Verify(bytes.NewReader(dump.Bytes()), nil)
	if err != nil || report.Backup || report.Keys != len(want) || !report.RDB.Summed {
		t.Fatalf("report %+v, %v", report, err)
	}
	if !strings.HasPrefix(report.Origin(), "RDB file of version 9, written by Redis 7.0.15") {
		t.Errorf("origin: %s", report.Origin())
	}
	third := newStore(t)
	third.load(dump.Bytes())
	equal(t, third.contents(), want)
}

// TestEveryDamageIsFound flips bits all over a backup, and cuts it everywhere.
func TestEveryDamageIsFound(t *testing.T) {
	s := newStore(t)
	s.do(0, "SET", "a", "1")
	s.do(3, "HSET", "h", "f", "v", "g", "w")
	s.do(3, "SET", "long", strings.Repeat("x", 300), "PX", "99999")
	file := s.backup()
	nobody := func(keyspace.Stored) error { return nil }
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			if _, _, err := Read(bytes.NewReader(file), nobody); err == nil {
				t.Fatalf("flip of bit %d of byte %d of %d was not found", bit, i, len(file))
			}
			file[i] ^= 1 << bit
		}
		if _, _, err := Read(bytes.NewReader(file[:i]), nobody); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	newer := bytes.Clone(file)
	newer[len(magic)]++
	if _, _, err := Read(bytes.NewReader(newer), nobody); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer version: %v", err)
	}
	if _, err := Verify(strings.NewReader("something else"), nil); !errors.Is(err, ErrFormat) {
		t.Errorf("another file: %v", err)
	}
	if _, err := Verify(strings.NewReader(""), nil); !errors.Is(err, ErrFormat) {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := Verify(iotest.ErrReader(os.ErrPermission), nil); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

// TestUnsupported reads a file with types that the store does not have.
func TestUnsupported(t *testing.T) {
	file := []byte("REDIS0010" +
		"\xfe\x00" + // database 0
		"\x00\x01s\x01v" + "\x01\x01l\x01\x01e" + "\x02\x01t\x01\x01m" + "\x03\x01z\x01\x01m\x011" +
		"\xf5\x03lib" +
		"\xfe\x10" + "\x00\x01s\x01v" + // database 16
		"\xfe\x0f" + "\xfc\x01\x00\x00\x00\x00\x00\x00\x00" + "\x04\x01h\x01\x01f\x01v" +
		"\xff" + "\x00\x00\x00\x00\x00\x00\x00\x00")
	report, err := Verify(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 key: in database 16; the store has 0 to 15", "1 key: list", "1 key: set", "1 key: sorted set", "1 library of functions"}
	if got := report.UnsupportedList(); !slices.Equal(got, want) {
		t.Errorf("unsupported %q", got)
	}
	if report.Refused() != 4 || report.Keys != 2 || report.Expired != 1 {
		t.Errorf("report %+v", report)
	}
	if got := report.Contents(); got != "2 keys in 2 databases (hash 1, string 1), 1 of them expired" {
		t.Errorf("contents: %s", got)
	}
	if !strings.Contains(report.Origin(), "without a checksum") {
		t.Errorf("origin: %s", report.Origin())
	}
	s := newStore(t)
	s.load(file)
	equal(t, s.contents(), []string{`0 "s" 0 string "v"`})
}

// TestLaterPrograms reads files of those that came after Redis 7.
func TestLaterPrograms(t *testing.T) {
	const end = "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, c := range []struct {
		file, origin string
		unsupported  []string
	}{
		{
			"VALKEY080\xfa\x0avalkey-ver\x059.0.1\xfe\x00" + "\x00\x01s\x01v" + "\x16\x01h\x01\x01f\x01v\x01\x00\x00\x00\x00\x00\x00\x00" + end,
			"RDB file of version 80, written by Valkey 9.0.1, without a checksum",
			[]string{"1 key: hash with expiring fields"},
		},
		{
			"REDIS0013\xfa\x09redis-ver\x058.6.0\xfe\x00" + "\xf3\x01\x01\x02\x03\x04\x00\x00\x01s\x01v" + end,
			"RDB file of version 13, written by Redis 8.6.0, without a checksum",
			[]string{"1 key: data of modules beside the value"},
		},
	} {
		report, err := Verify(strings.NewReader(c.file), nil)
		if err != nil {
			t.Fatalf("%.9s: %v", c.file, err)
		}
		if got := report.Origin(); got != c.origin {
			t.Errorf("%.9s: origin %s", c.file, got)
		}
		if got := report.UnsupportedList(); !slices.Equal(got, c.unsupported) {
			t.Errorf("%.9s: unsupported %q", c.file, got)
		}
		s := newStore(t)
		s.load([]byte(c.file))
		equal(t, s.contents(), []string{`0 "s" 0 string "v"`})
	}
	if _, err := Verify(strings.NewReader("REDIS0013\x1a\x01s"+end), nil); !errors.Is(err, rdb.ErrVersion) || !strings.Contains(err.Error(), "type 26") {
		t.Errorf("a stream of Redis 8.6: %v", err)
	}
}

// TestIgnored keys are as if they were not there.
func TestIgnored(t *testing.T) {
	s := newStore(t)
	s.do(0, "SET", "lease", "1", "PX", "99999")
	s.do(0, "SET", "data", "1")
	ignore := func(db uint8, name []byte, at int64) bool { return db == 0 && string(name) == "lease" && at != 0 }
	report, err := Verify(bytes.NewReader(s.backup()), ignore)
	if err != nil || report.Keys != 1 {
		t.Errorf("%d keys, %v", report.Keys, err)
	}
	payloads := 0
	err = Load(bytes.NewReader(s.backup()), ignore, func(p []byte, ordered bool) error {
		payloads++
		if bytes.Contains(p, []byte("lease")) || ordered {
			t.Errorf("payload %q, ordered %v", p, ordered)
		}
		return nil
	})
	if err != nil || payloads != 1 {
		t.Errorf("%d payloads, %v", payloads, err)
	}
}

// TestTooLarge names a field that no command could carry.
func TestTooLarge(t *testing.T) {
	var file bytes.Buffer
	w := rdb.NewWriter(&file)
	w.String(0, []byte("fine"), 0, make([]byte, 40<<20)) // cut in parts
	w.Hash(0, []byte("h"), 0, 1)
	w.Field([]byte("f"), make([]byte, 16<<20))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := Verify(&file, nil)
	if err != nil || report.TooLarge != `"h" of database 0` {
		t.Errorf("too large: %q, %v", report.TooLarge, err)
	}
}

// TestLargeValuesAreOrdered: a payload that goes on with a value says so.
func TestLargeValuesAreOrdered(t *testing.T) {
	s := newStore(t)
	s.do(0, "SET", "a", strings.Repeat("x", 5<<20))
	var order []bool
	if err := Load(bytes.NewReader(s.backup()), nil, func(_ []byte, ordered bool) error {
		order = append(order, ordered)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(order) < 5 || order[0] || slices.Contains(order[1:], false) {
		t.Errorf("ordered: %v", order)
	}
	stop := errors.New("stop")
	if err := Load(bytes.NewReader(s.backup()), nil, func([]byte, bool) error { return stop }); err != stop {
		t.Errorf("error of send: %v", err)
	}
}

// TestALargeValueWhoseTimeIsOverIsLeftOutAsAWhole: its further parts must not be added
// to what the store holds under its name.
func TestALargeValueWhoseTimeIsOverIsLeftOutAsAWhole(t *testing.T) {
	old := newStore(t)
	old.do(0, "SET", "a", strings.Repeat("old", 1<<20), "PX", "1000")
	for i := range 30_000 {
		old.do(0, "HSET", "h", fmt.Sprintf("old%d", i), strings.Repeat("x", 100))
	}
	old.do(0, "PEXPIRE", "h", "1000")
	old.do(0, "SET", "b", strings.Repeat("stays", 1<<20))
	old.do(0, "SET", "small", "1", "PX", "1000")
	old.do(0, "SET", "later", strings.Repeat("later", 1<<20), "PX", "99999")
	now := newStore(t)
	now.at = old.at + 2000
	now.do(0, "SET", "a", "new")
	now.do(0, "HSET", "h", "f", "new")
	err := Load(bytes.NewReader(old.backup()), nil, func(payload []byte, ordered bool) error {
		reply := now.run(0, [][]byte{[]byte("PINGD.LOAD"), payload})
		if late := strings.Split(reply, "\r\n")[2]; ordered && late != ":0" {
			return ErrLate
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{
		{"$3\r\nnew\r\n", "GET", "a"},
		{":1\r\n", "HLEN", "h"},
		{":5242880\r\n", "STRLEN", "b"},
		{":0\r\n", "EXISTS", "small"},
		{":5242880\r\n", "STRLEN", "later"},
	} {
		if got := now.do(0, c[1:]...); got != c[0] {
			t.Errorf("%s: %.100q, want %q", c[1:], got, c[0])
		}
	}
}

func FuzzRead(f *testing.F) {
	s := newStore(f)
	s.do(0, "SET", "a", "1")
	s.do(3, "HSET", "h", "f", "v")
	f.Add(s.backup())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := Read(bytes.NewReader(b), func(keyspace.Stored) error { return nil })
		if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrVersion) {
			t.Fatalf("unexpected kind of error: %v", err)
		}
	})
}
