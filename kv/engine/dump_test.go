package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// bulkOf returns the content of a bulk string reply.
func bulkOf(t *testing.T, reply string) string {
	t.Helper()
	_, body, ok := cutLine(reply)
	if !ok || reply[0] != '$' || reply[1] == '-' {
		t.Fatalf("no bulk string: %q", reply)
	}
	return body
}

// values are one of each encoding that Redis has for strings and hashes.
func values() map[string][]string {
	many := []string{"HSET", "k"}
	for i := range 1000 {
		many = append(many, fmt.Sprint("field", i), fmt.Sprint(i))
	}
	return map[string][]string{
		"byte":              {"SET", "k", "-5"},
		"short integer":     {"SET", "k", "30000"},
		"integer":           {"SET", "k", "2000000000"},
		"long integer":      {"SET", "k", "9223372036854775807"},
		"empty":             {"SET", "k", ""},
		"text":              {"SET", "k", "hello\r\n\x00"},
		"compressible":      {"SET", "k", strings.Repeat("abcabcabd", 5000)},
		"small hash":        {"HSET", "k", "f", "v", "n", "12", "long", strings.Repeat("x", 60)},
		"hash with a long":  {"HSET", "k", "f", strings.Repeat("y", 1000)},
		"hash of many":      many,
		"hash of one field": {"HSET", "k", "", ""},
	}
}

// A value goes from Redis to us and back, and is the same on all ways.
func TestDumpAndRestoreWithRedis(t *testing.T) {
	redis := startRedis(t)
	now := time.Now().UnixMilli()
	for name, set := range values() {
		e := New(Options{})
		redis.do(t, "FLUSHALL")
		redis.do(t, set...)
		read := []string{"GET", "k"}
		if set[0] == "HSET" {
			read = []string{"HGETALL", "k"}
		}
		want := comparable(read, redis.do(t, read...))

		dump := bulkOf(t, redis.do(t, "DUMP", "k"))
		if got := apply(e, now, 2, 0, "RESTORE", "k", "0", dump); got != "+OK\r\n" {
			t.Errorf("%s: RESTORE of Redis's dump: %s", name, got)
			continue
		}
		if got := comparable(read, apply(e, now, 2, 0, read...)); got != want {
			t.Errorf("%s: restored here %.80q, want %.80q", name, got, want)
		}
		redis.do(t, "DEL", "k")
		if got := redis.do(t, "RESTORE", "k", "0", bulkOf(t, apply(e, now, 2, 0, "DUMP", "k"))); got != "+OK\r\n" {
			t.Errorf("%s: RESTORE of our dump: %s", name, got)
			continue
		}
		if got := comparable(read, redis.do(t, read...)); got != want {
			t.Errorf("%s: restored there %.80q, want %.80q", name, got, want)
		}
		for _, at := range []int{0, 1, len(dump) / 2, len(dump) - 9, len(dump) - 1} {
			bad := []byte(dump)
			bad[at] ^= 0x10
			if got := apply(e, now, 2, 0, "RESTORE", "bad", "0", string(bad)); got != "-ERR DUMP payload version or checksum are wrong\r\n" {
				t.Errorf("%s: a flipped bit at %d: %q", name, at, got)
			}
		}
	}
	redis.do(t, "LPUSH", "list", "a")
	if got := apply(New(Options{}), now, 2, 0, "RESTORE", "k", "0", bulkOf(t, redis.do(t, "DUMP", "list"))); !strings.HasPrefix(got, "-ERR RESTORE: this store has no such type") {
		t.Error(got)
	}
}

func TestRestoreOptions(t *testing.T) {
	const now = 1_000_000
	e := New(Options{})
	do := func(words ...string) string { return apply(e, now, 2, 0, words...) }
	do("SET", "k", "v")
	dump := bulkOf(t, do("DUMP", "k"))
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"RESTORE", "k", "0", dump}, "-BUSYKEY Target key name already exists.\r\n"},
		{[]string{"RESTORE", "k", "x", dump, "REPLACE"}, "-ERR value is not an integer or out of range\r\n"},
		{[]string{"RESTORE", "k", "-1", dump, "REPLACE"}, "-ERR Invalid TTL value, must be >= 0\r\n"},
		{[]string{"RESTORE", "k", "9223372036854775807", dump, "REPLACE"}, "-ERR invalid expire time in 'restore' command\r\n"},
		{[]string{"RESTORE", "k", "5000", dump, "REPLACE", "IDLETIME", "5"}, "+OK\r\n"},
		{[]string{"PTTL", "k"}, ":5000\r\n"},
		{[]string{"RESTORE", "k", "1005000", dump, "REPLACE", "ABSTTL", "FREQ", "5"}, "+OK\r\n"},
		{[]string{"PTTL", "k"}, ":5000\r\n"},
		{[]string{"RESTORE", "k", "0", dump, "REPLACE"}, "+OK\r\n"},
		{[]string{"PTTL", "k"}, ":-1\r\n"},
		{[]string{"RESTORE", "k", "1", dump, "REPLACE", "ABSTTL"}, "+OK\r\n"}, // over before it began
		{[]string{"EXISTS", "k"}, ":0\r\n"},
	} {
		if got := do(c.words...); got != c.want {
			t.Errorf("%.60q: %q, want %q", c.words, got, c.want)
		}
	}
}

// MEMORY USAGE counts what a key adds to the figures.
func TestMemoryUsage(t *testing.T) {
	e := New(Options{})
	before := e.Stats().Bytes
	apply(e, 1, 2, 0, "HSET", "h", "f", strings.Repeat("v", 1000))
	var n int64
	if _, err := fmt.Sscanf(apply(e, 1, 2, 0, "MEMORY", "USAGE", "h", "SAMPLES", "0"), ":%d", &n); err != nil || n != e.Stats().Bytes-before {
		t.Errorf("%d bytes, %v, the figures say %d", n, err, e.Stats().Bytes-before)
	}
	if got := apply(e, 1, 2, 0, "MEMORY", "USAGE", "none"); got != "$-1\r\n" {
		t.Error(got)
	}
}

// FuzzRestore restores arbitrary bytes with a checksum that fits: what is accepted
// must come out the same again.
func FuzzRestoreCommand(f *testing.F) {
	e := New(Options{})
	for _, set := range values() {
		apply(e, 1, 2, 0, "DEL", "k")
		apply(e, 1, 2, 0, set...)
		_, body, _ := cutLine(apply(e, 1, 2, 0, "DUMP", "k"))
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, dump []byte) {
		if len(dump) >= 8 {
			clear(dump[len(dump)-8:]) // no checksum
		}
		e := New(Options{})
		if got := apply(e, 1, 2, 0, "RESTORE", "k", "0", string(dump)); got != "+OK\r\n" {
			return
		}
		first := apply(e, 1, 2, 0, "DUMP", "k")
		if got := apply(e, 1, 2, 0, "RESTORE", "l", "0", bulkOf(t, first)); got != "+OK\r\n" {
			t.Fatalf("our own dump is refused: %s", got)
		}
		if second := apply(e, 1, 2, 0, "DUMP", "l"); second != first {
			t.Fatalf("%q becomes %q", first, second)
		}
	})
}
