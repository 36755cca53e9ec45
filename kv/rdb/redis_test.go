package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fill puts something of every type and encoding into a real Redis.
func fill(t *testing.T, s *server) {
	t.Helper()
	for _, line := range []string{
		"SET text hello", "SET empty ''", "SET small 7", "SET negative -1", "SET int8 -128", "SET int16 -32768",
		"SET int32 2147483647", "SET over32 2147483648", "SET int64 -9223372036854775808", "SET zeros 007", "SET minus -0",
		"HSET hash:packed a 1 b two c -300 d 70000 e 5000000000 f -129 g 4095 h -4096 i 8388607",
		"RPUSH list:packed a b 1 2 3", "SADD set:ints 1 2 3 70000 5000000000", "SADD set:words a b c",
		"ZADD zset:packed 1 a 2.5 b -inf c inf d", "XADD stream 1-1 f v", "XADD stream 2-1 f v g w",
		"XGROUP CREATE stream g 0", "XREADGROUP GROUP g c COUNT 1 STREAMS stream >",
		"SET expires soon PXAT 4102444800000", "PFADD hll a b c", "SETBIT bits 1000 1", "GEOADD geo 13.361389 38.115556 p",
	} {
		words := make([]any, 0, 8)
		for _, w := range strings.Fields(line) {
			words = append(words, strings.Trim(w, "'"))
		}
		s.do(t, words...)
	}
	s.do(t, "SET", "long", strings.Repeat("compressible ", 10_000))
	s.do(t, "SET", "noise", string(noise(5000)))
	s.do(t, "SET", string([]byte{0, 255, '\r', '\n'}), string([]byte{0, 1, 2, 254, 255}))
	s.do(t, "HSET", "hash:longvalue", "f", strings.Repeat("v", 3000), strings.Repeat("f", 70), "x")
	for i := range 600 {
		s.do(t, "HSET", "hash:table", fmt.Sprint("field", i), fmt.Sprint("value", i*i))
		s.do(t, "SADD", "set:table", fmt.Sprint("member", i))
		s.do(t, "ZADD", "zset:table", float64(i)/3, fmt.Sprint("member", i))
		s.do(t, "RPUSH", "list:nodes", strings.Repeat("e", i))
	}
	s.do(t, "RPUSH", "list:nodes", strings.Repeat("big", 10_000)) // a node of its own
	s.do(t, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
	pipe := s.Pipeline()
	pipe.Do(t.Context(), "SELECT", 9)
	pipe.Do(t.Context(), "SET", "elsewhere", "9")
	pipe.Do(t.Context(), "HSET", "hash", "f", "v")
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestReadRedis walks files of a real Redis, compressed and not, and compares every
// string and hash with what the server itself says.
func TestReadRedis(t *testing.T) {
	for _, compression := range []string{"yes", "no"} {
		t.Run("compression "+compression, func(t *testing.T) {
			s := startRedis(t, t.TempDir(), "--rdbcompression", compression)
			fill(t, s)
			got, info := read(t, s.dump(t))
			if info.Version != 10 || !info.Summed || info.Functions != 1 || info.Aux["redis-ver"] == "" {
				t.Errorf("info = %+v", info)
			}
			for kind, n := range map[Kind]int{String: 18, Hash: 4, List: 2, Set: 3, SortedSet: 3, Stream: 1} {
				if got.kinds[kind] != n {
					t.Errorf("%d keys of kind %s, want %d", got.kinds[kind], kind, n)
				}
			}
			compare(t, s, got)
		})
	}
}

// compare looks up what was read in the server.
func compare(t *testing.T, s *server, got *seen) {
	t.Helper()
	for _, key := range s.do(t, "KEYS", "*").([]any) {
		name := key.(string)
		want := fmt.Sprintf("db0 %%s %q:", name)
		switch kind := s.do(t, "TYPE", name).(string); kind {
		case "string":
			if name == "expires" {
				want = fmt.Sprintf("db0 %%s %q until 4102444800000:", name)
			}
			want = fmt.Sprintf(want, "string") + fmt.Sprintf(" %q", s.do(t, "GET", name))
		case "hash":
			want = fmt.Sprintf(want, "hash") + pairs(s.do(t, "HGETALL", name))
		case "list":
			want = fmt.Sprintf(want, "list") + all(s.do(t, "LRANGE", name, 0, -1))
		case "set":
			want = fmt.Sprintf(want, "set") + all(s.do(t, "SMEMBERS", name))
		default:
			continue
		}
		if !slices.Contains(got.lines, want) {
			t.Errorf("missing: %.300s", want)
			for _, line := range got.lines {
				if strings.Contains(line, fmt.Sprintf("%q", name)) {
					t.Logf("found:   %.300s", line)
				}
			}
		}
	}
	for _, line := range []string{`db9 string "elsewhere": "9"`, `db9 hash "hash": "f"="v"`} {
		if !slices.Contains(got.lines, line) {
			t.Errorf("missing: %s", line)
		}
	}
}

// pairs and all write a reply as seen does.
func pairs(reply any) string {
	var b strings.Builder
	list := reply.([]any)
	for i := 0; i < len(list); i += 2 {
		fmt.Fprintf(&b, " %q=%q", list[i], list[i+1])
	}
	return b.String()
}

func all(reply any) string {
	var b strings.Builder
	for _, v := range reply.([]any) {
		fmt.Fprintf(&b, " %q", v)
	}
	return b.String()
}

// TestRedisReads has a real Redis load what Writer wrote.
func TestRedisReads(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f, "redis-ver", "7.0.15", "ctime", "1700000000")
	values := map[string]string{"empty": "", "zeros": "00", "plus": "+1", "long": strings.Repeat("x", 100_000), "bin": string(noise(300))}
	for _, n := range []string{"0", "-1", "127", "128", "-128", "-129", "32767", "32768", "-32769", "2147483647", "2147483648", "-2147483648", "9223372036854775807"} {
		values["n"+n] = n
	}
	for k, v := range values {
		w.String(0, []byte(k), 0, []byte(v))
	}
	w.String(0, []byte("later"), 4102444800000, []byte("v"))
	w.String(0, []byte("gone"), 1, []byte("v"))
	w.Hash(3, []byte("small"), 0, 2)
	w.Field([]byte("a"), []byte("1"))
	w.Field([]byte("b"), []byte("two"))
	w.Hash(3, []byte("large"), time.Now().Add(time.Hour).UnixMilli(), 20_000)
	for i := range 20_000 {
		w.Field(fmt.Append(nil, "field", i), fmt.Append(nil, "value", i))
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	s := startRedis(t, dir)
	for k, v := range values {
		if got := s.do(t, "GET", k); got != v {
			t.Errorf("GET %s = %.60q, want %.60q", k, got, v)
		}
	}
	if got := s.do(t, "EXISTS", "gone"); got != int64(0) {
		t.Errorf("a key that had expired was loaded")
	}
	if got := s.do(t, "PEXPIRETIME", "later"); got != int64(4102444800000) {
		t.Errorf("PEXPIRETIME later = %v", got)
	}
	s.do(t, "SELECT", 3)
	if n := s.do(t, "HLEN", "large"); n != int64(20_000) {
		t.Errorf("HLEN large = %v", n)
	}
	if v := s.do(t, "HGET", "large", "field777"); v != "value777" {
		t.Errorf("HGET large field777 = %v", v)
	}
	if e := s.do(t, "OBJECT", "ENCODING", "small"); e != "listpack" {
		t.Errorf("a small hash is kept as %v", e)
	}
}

// TestEveryDamageIsFound flips each bit of a file of a real Redis: none may go
// unnoticed.
func TestEveryDamageIsFound(t *testing.T) {
	s := startRedis(t, t.TempDir())
	fill(t, s)
	good := s.dump(t)
	if len(good) > 20_000 {
		good = smaller(t, s)
	}
	bad := slices.Clone(good)
	for i := range bad {
		for bit := range 8 {
			bad[i] ^= 1 << bit
			_, err := Read(bytes.NewReader(bad), &seen{})
			if err == nil {
				t.Fatalf("flip of bit %d of byte %d of %d was not found", bit, i, len(bad))
			}
			bad[i] ^= 1 << bit
		}
	}
	for n := range len(good) {
		if _, err := Read(bytes.NewReader(good[:n]), &seen{}); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// smaller removes what makes the file long and adds no variety.
func smaller(t *testing.T, s *server) []byte {
	t.Helper()
	s.do(t, "DEL", "hash:table", "set:table", "zset:table", "list:nodes", "long", "noise", "hash:longvalue", "hll")
	return s.dump(t)
}
