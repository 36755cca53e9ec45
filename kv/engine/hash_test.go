package engine

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pingd/kv/engine/value"
)

// TestHashReplies gives exact replies in both protocols; | separates steps, and
// resp3 is empty where it equals resp2.
func TestHashReplies(t *testing.T) {
	const wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
	for _, test := range []struct{ commands, resp2, resp3 string }{
		{"HSET h a 1 b 2 a 3", ":2\r\n", ""},
		{"HSET h a 1|HSET h a 2", ":0\r\n", ""},
		{"HSET h a", "-ERR wrong number of arguments for 'hset' command\r\n", ""},
		{"HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command\r\n", ""},
		{"HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command\r\n", ""},
		{"HMSET h a 1 b 2", "+OK\r\n", ""},
		{"HSETNX h a 1|HSETNX h a 2|HGET h a", "$1\r\n1\r\n", ""},
		{"HGET h a", "$-1\r\n", "_\r\n"},
		{"HSET h a 1|HGET h b", "$-1\r\n", "_\r\n"},
		{"HSET h a 1|HMGET h a b", "*2\r\n$1\r\n1\r\n$-1\r\n", "*2\r\n$1\r\n1\r\n_\r\n"},
		{"HMGET h a", "*1\r\n$-1\r\n", "*1\r\n_\r\n"},
		{"HSET h b 1 a 2|HGETALL h", "*4\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n", "%2\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n"},
		{"HGETALL h", "*0\r\n", "%0\r\n"},
		{"HSET h b 1 a 2|HSET h b 3|HKEYS h", "*2\r\n$1\r\nb\r\n$1\r\na\r\n", ""},
		{"HSET h b 1 a 2 c 3|HDEL h a no|HVALS h", "*2\r\n$1\r\n1\r\n$1\r\n3\r\n", ""},
		{"HVALS h", "*0\r\n", ""},
		{"HSET h a 1 b 2|HDEL h a b a|EXISTS h", ":0\r\n", ""},
		{"HSET h a 1 b 2|HDEL h a b a", ":2\r\n", ""},
		{"HINCRBY h a 5|HINCRBY h a -7", ":-2\r\n", ""},
		{"HSET h a x|HINCRBY h a 1", "-ERR hash value is not an integer\r\n", ""},
		{"HSET h a 9223372036854775807|HINCRBY h a 1", "-ERR increment or decrement would overflow\r\n", ""},
		{"HINCRBY h a -9223372036854775808|HINCRBY h a -1", "-ERR increment or decrement would overflow\r\n", ""},
		{"HINCRBYFLOAT h a 0.1|HINCRBYFLOAT h a 0.2", "$3\r\n0.3\r\n", ""},
		{"HSET h a x|HINCRBYFLOAT h a 1", "-ERR hash value is not a float\r\n", ""},
		{"HSET h a x|HINCRBYFLOAT h a x", "-ERR value is not a valid float\r\n", ""},
		{"HINCRBYFLOAT h a inf", "-ERR value is NaN or Infinity\r\n", ""},
		{"HSET h a inf|HINCRBYFLOAT h a 1", "-ERR increment would produce NaN or Infinity\r\n", ""},
		{"HSET h a abc|HSTRLEN h a", ":3\r\n", ""},
		{"HSTRLEN h a", ":0\r\n", ""},
		{"HSET h a 1|HSCAN h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n", ""},
		{"HSCAN h 0 nonsense", "*2\r\n$1\r\n0\r\n*0\r\n", ""},
		{"HSCAN h x", "-ERR invalid cursor\r\n", ""},
		{"HRANDFIELD h", "$-1\r\n", "_\r\n"},
		{"HRANDFIELD h 5", "*0\r\n", ""},
		{"HSET h a 1|HRANDFIELD h", "$1\r\na\r\n", ""},
		{"HSET h a 1|HRANDFIELD h 5 WITHVALUES", "*2\r\n$1\r\na\r\n$1\r\n1\r\n", "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"},
		{"HSET h a 1|HRANDFIELD h -2", "*2\r\n$1\r\na\r\n$1\r\na\r\n", ""},
		{"HSET h a 1|TYPE h", "+hash\r\n", ""},
		{"HSET h a 1|OBJECT ENCODING h", "$8\r\nlistpack\r\n", ""},
		{"HSET h a 1|EXPIRE h 10|HSET h a 2|TTL h", ":10\r\n", ""},
		{"HSET h a 1|COPY h g|HSET g a 2 b 3|HLEN h", ":1\r\n", ""},
		{"HSET h a 1|RENAME h g|HGET g a", "$1\r\n1\r\n", ""},
		{"HSET h a 1|SET h x|GET h", "$1\r\nx\r\n", ""},
		{"HSET h a 1|GET h", wrong, ""},
		{"HSET h a 1|APPEND h x", wrong, ""},
		{"SET h 1|HSET h a 1", wrong, ""},
		{"SET h 1|HGETALL h", wrong, ""},
		{"SET h 1|HSCAN h 0", wrong, ""},
		{"SET h 1|HRANDFIELD h 1", wrong, ""},
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

// TestHashEvents holds the names of keyspace events against Redis's, and that what
// changes nothing keeps the version.
func TestHashEvents(t *testing.T) {
	for commands, want := range map[string]string{
		"HSET h a 1 b 2":                   "hhset",
		"HMSET h a 1":                      "hhset",
		"HSETNX h a 1|HSETNX h a 1":        "hhset",
		"HINCRBY h a 1":                    "hhincrby",
		"HINCRBYFLOAT h a 1":               "hhincrbyfloat",
		"HSET h a 1 b 2|HDEL h a|HDEL h a": "hhset hhdel",
		"HSET h a 1|HDEL h a":              "hhset hhdel gdel",
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
	e := New(Options{})
	apply(e, 1, 2, 0, "HSET", "h", "a", "x")
	version := e.Version(0, []byte("h"))
	for _, command := range []string{"HDEL h no", "HSETNX h a 1", "HINCRBY h a 1", "HGETALL h", "HSET h a"} {
		apply(e, 1, 2, 0, strings.Fields(command)...)
		if e.Version(0, []byte("h")) != version {
			t.Errorf("%s changed the version", command)
		}
	}
	if apply(e, 1, 2, 0, "HSET", "h", "a", "x"); e.Version(0, []byte("h")) == version {
		t.Error("HSET of the same value kept the version")
	}
}

// TestHashGrowsLikeRedis compares the encoding, and while small the order, with a
// real server at every size.
func TestHashGrowsLikeRedis(t *testing.T) {
	server := startRedis(t)
	server.do(t, "CONFIG", "SET", "hash-max-listpack-entries", strconv.Itoa(value.HashSmallFields))
	e := New(Options{})
	r := rand.New(rand.NewSource(1))
	check := func(words ...string) {
		t.Helper()
		got, want := apply(e, 1, 3, 0, words...), server.do(t, words...)
		if got != want {
			t.Fatalf("%q: got %q, want %q", words, got, want)
		}
	}
	server.do(t, "HELLO", "3")
	for i := range 2 * value.HashSmallFields {
		check("HSET", "h", strconv.Itoa(r.Intn(1000)), strconv.Itoa(i))
		check("OBJECT", "ENCODING", "h")
		check("HLEN", "h")
		check("HDEL", "h", strconv.Itoa(r.Intn(1000)))
		if strings.Contains(apply(e, 1, 3, 0, "OBJECT", "ENCODING", "h"), "listpack") {
			check("HGETALL", "h")
		}
	}
	for n := 60; n < 70; n++ {
		long := strings.Repeat("y", n)
		check("HSET", "v"+long, "f", long)
		check("OBJECT", "ENCODING", "v"+long)
		check("HSETNX", "w"+long, long, "1")
		check("OBJECT", "ENCODING", "w"+long)
	}
	check("COPY", "h", "copied")
	check("OBJECT", "ENCODING", "copied")
}

// fillHash makes a hash of n fields.
func fillHash(e *Engine, key string, n int) {
	words := []string{"HSET", key}
	for i := range n {
		words = append(words, "f"+strconv.Itoa(i), "v"+strconv.Itoa(i))
	}
	apply(e, 1000, 2, 0, words...)
}

// TestHashSnapshotOfOneMoment changes hashes, small and large, while a snapshot is
// being written, at every block.
func TestHashSnapshotOfOneMoment(t *testing.T) {
	for seed := range int64(3) {
		r := rand.New(rand.NewSource(seed))
		e := New(Options{})
		for i := range 200 {
			fillHash(e, "h"+strconv.Itoa(i), 1+r.Intn(400))
		}
		want := e.Digest()
		snap := e.Snapshot()
		w := &hookWriter{hook: func() {
			for range 30 {
				key, field := "h"+strconv.Itoa(r.Intn(210)), "f"+strconv.Itoa(r.Intn(410))
				apply(e, e.Now(), 2, 0, "HINCRBYFLOAT", key, "n", "1.5")
				apply(e, e.Now(), 2, 0, "HSET", key, field, "changed")
				apply(e, e.Now(), 2, 0, "HDEL", key, field, "f1")
				apply(e, e.Now(), 2, 0, "COPY", key, "copy"+key)
				apply(e, e.Now(), 2, 0, "HSET", "copy"+key, field, strings.Repeat("z", 100))
				apply(e, e.Now(), 2, 0, "RENAME", "copy"+key, "h"+strconv.Itoa(r.Intn(210)))
			}
		}}
		if _, err := snap.WriteTo(w); err != nil {
			t.Fatal(err)
		}
		snap.Close()
		copied := New(Options{})
		if err := copied.Restore(&w.Buffer); err != nil {
			t.Fatal(err)
		}
		if copied.Digest() != want {
			t.Fatalf("seed %d: the snapshot is not the state at the moment it was taken", seed)
		}
		checkBytes(t, e)
	}
}

// checkBytes compares the running count of bytes with a count from scratch.
func checkBytes(t *testing.T, e *Engine) {
	t.Helper()
	var buf bytes.Buffer
	snap := e.Snapshot()
	defer snap.Close()
	if _, err := snap.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	restored := New(Options{})
	if err := restored.Restore(&buf); err != nil {
		t.Fatal(err)
	}
	if got, want := e.Stats(), restored.Stats(); got != want {
		t.Errorf("stats %+v, counted anew %+v", got, want)
	}
}

// TestHashReplicasAgree changes large hashes on two replicas, one of which is
// restarted from the other's snapshots: order, random choice and state agree.
func TestHashReplicasAgree(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	a, b := New(Options{}), New(Options{})
	for step := range 300 {
		var cmds []Command
		for range 20 {
			key, field := "h"+strconv.Itoa(r.Intn(4)), strconv.Itoa(r.Intn(500))
			line := [][]string{
				{"HSET", key, field, "1", field + "x", "2"},
				{"HSET", key, field, "1"},
				{"HDEL", key, field},
				{"HINCRBY", key, field, "3"},
				{"HGETALL", key},
				{"HRANDFIELD", key, "5", "WITHVALUES"},
				{"HRANDFIELD", key, "-5"},
				{"COPY", key, "h" + strconv.Itoa(r.Intn(4)), "REPLACE"},
				{"HSCAN", key, "0", "COUNT", "50"},
			}[r.Intn(9)]
			if r.Intn(400) == 0 {
				line = []string{"DEL", key}
			}
			cmds = append(cmds, Command{Proto: 3, Args: args(line...)})
		}
		var ra, rb Replies
		stamp := Stamp{UnixMilli: int64(step), Seed: r.Uint64()}
		a.Apply(stamp, cmds, &ra)
		b.Apply(stamp, cmds, &rb)
		if !bytes.Equal(ra.Buf, rb.Buf) || a.Digest() != b.Digest() {
			t.Fatalf("step %d: replicas differ", step)
		}
		if step%10 == 0 {
			var buf bytes.Buffer
			snap := a.Snapshot()
			_, _ = snap.WriteTo(&buf)
			snap.Close()
			if err := b.Restore(&buf); err != nil {
				t.Fatal(err)
			}
		}
	}
	checkBytes(t, a)
}

// TestHScanMovesBetweenNodes continues a walk of a large hash on another replica.
func TestHScanMovesBetweenNodes(t *testing.T) {
	a, b := New(Options{}), New(Options{})
	for i := range 1000 {
		apply(a, 1, 2, 0, "HSET", "h", strconv.Itoa(i), "v")
		apply(b, 1, 2, 0, "HSET", "h", strconv.Itoa(999-i), "v")
	}
	seen, cursor := map[string]bool{}, "0"
	for i := 0; ; i++ {
		words := strings.Split(apply([]*Engine{a, b}[i%2], 1, 2, 0, "HSCAN", "h", cursor, "COUNT", "13"), "\r\n")
		cursor = words[2]
		for j := 5; j < len(words); j += 4 {
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
		t.Errorf("%d of 1000 fields seen", len(seen))
	}
}

// TestHRandField checks what chance leaves certain.
func TestHRandField(t *testing.T) {
	for _, size := range []int{10, 1000} {
		e := New(Options{})
		fillHash(e, "h", size)
		for _, n := range []int{1, size / 5, size - 1, size, size * 2} {
			words := strings.Split(apply(e, 1000, 2, 0, "HRANDFIELD", "h", strconv.Itoa(n)), "\r\n")
			var fields []string
			for i := 2; i < len(words); i += 2 {
				fields = append(fields, words[i])
			}
			slices.Sort(fields)
			if got := len(slices.Compact(fields)); got != min(n, size) || words[0] != fmt.Sprintf("*%d", got) {
				t.Errorf("%d of %d: %d different fields, head %s", n, size, got, words[0])
			}
		}
		if got := apply(e, 1000, 3, 0, "HRANDFIELD", "h", "-9223372036854775807"); got != "-ERR value is out of range\r\n" {
			t.Errorf("a count beyond all memory: %.60q", got)
		}
		if got := apply(e, 1000, 2, 0, "HRANDFIELD", "h", "-5000", "WITHVALUES"); strings.Count(got, "\r\n$") != 10000 {
			t.Errorf("%d words for -5000", strings.Count(got, "\r\n$"))
		}
	}
}

// BenchmarkHashFirstWrite changes a hash of a million fields right after a
// snapshot of it began: what that one Apply costs beyond the usual.
func BenchmarkHashFirstWrite(b *testing.B) {
	e := New(Options{})
	fillHash(e, "h", 1_000_000)
	var out Replies
	cmds := []Command{{Proto: 2, Args: args("HSET", "h", "f7", "x")}}
	b.ReportAllocs()
	for b.Loop() {
		snap := e.Snapshot()
		out.Reset()
		e.Apply(Stamp{UnixMilli: 1}, cmds, &out)
		snap.Close()
	}
}

func BenchmarkHSet(b *testing.B) {
	e := New(Options{})
	var out Replies
	b.ReportAllocs()
	cmds := make([]Command, 64)
	for i := range cmds {
		cmds[i] = Command{Proto: 2, Args: args("HSET", "h", strconv.Itoa(i), "value")}
	}
	for b.Loop() {
		out.Reset()
		e.Apply(Stamp{UnixMilli: 1}, cmds, &out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/hset")
}
