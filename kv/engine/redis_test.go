package engine

import (
	"bufio"
	"fmt"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pingd/kv/engine/value"
	"pingd/kv/resp"
)

// redis is a connection to a real redis-server that the test started.
type redis struct {
	conn net.Conn
	r    *bufio.Reader
}

// startRedis starts a redis-server on a free port, or skips the test.
func startRedis(t *testing.T) *redis {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("PINGD_TEST_ALL") == "1" {
			t.Fatal("install the Debian package redis-server")
		}
		t.Skip("install the Debian package redis-server")
	}
	// A loopback host of its own: nobody else's port can get between.
	n := rand.Uint32()
	host := fmt.Sprintf("127.%d.%d.%d", 1+n%254, byte(n>>8), 1+n>>16%254)
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	cmd := exec.Command(bin, "--bind", host, "--port", port, "--save", "", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for end := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return &redis{conn, bufio.NewReader(conn)}
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// do sends a command and returns the raw reply.
func (c *redis) do(t *testing.T, words ...string) string {
	t.Helper()
	buf := resp.AppendArray(nil, len(words))
	for _, w := range words {
		buf = resp.AppendBulkString(buf, w)
	}
	if _, err := c.conn.Write(buf); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	c.read(t, &b)
	return b.String()
}

func (c *redis) read(t *testing.T, b *strings.Builder) {
	t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString(line)
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$':
		if n >= 0 {
			bulk := make([]byte, n+2)
			for i := 0; i < len(bulk); {
				k, err := c.r.Read(bulk[i:])
				if err != nil {
					t.Fatal(err)
				}
				i += k
			}
			b.Write(bulk)
		}
	case '%':
		n *= 2
		fallthrough
	case '*', '~':
		for range n {
			c.read(t, b)
		}
	}
}

// generator makes commands that collide on few keys.
type generator struct{ *rand.Rand }

func (g generator) pick(words ...string) string { return words[g.Intn(len(words))] }
func (g generator) key() string                 { return g.pick("a", "b", "c", "d", "e", "f") }

func (g generator) val() string {
	switch g.Intn(12) {
	case 0:
		return g.pick("9223372036854775807", "-9223372036854775808", "9223372036854775800", "-1", "007", "+5", " 5", "5 ", "-0", "0")
	case 1:
		return g.pick("1.5", "-2.25", "3e3", "0.1", "0.2", "abc", "nan", "inf", "1e400", "1e5000", "0x10", ".5", "5.", "1e", "")
	case 2:
		return strings.Repeat("x", g.Intn(100))
	case 3, 4:
		return g.pick("hello", "world", "hell", "ohello")
	}
	return strconv.Itoa(g.Intn(30) - 10)
}

func (g generator) num() string {
	return g.pick("0", "1", "-1", "2", "-2", "3", "5", "-5", "10", "100", "-100", "x", "1.5", "9223372036854775807", "-9223372036854775808", "536870912")
}

// at is a time far enough away that both servers agree whether it has come.
func (g generator) at() string {
	return g.pick("100000", "200000", "4000000000", "4000000001", "5000000000000", "9223372036854775", "9223372036854775807", "-5", "0", "x")
}

// once is a time that no other command gives: GT and LT of equal times would
// depend on a millisecond.
func (g generator) once() string {
	if g.Intn(4) == 0 {
		return g.pick("-5", "0", "x", "9223372036854775807")
	}
	return strconv.Itoa(1_000_000 + 1000*g.Intn(1_000_000))
}

// templates are command lines whose words k v n t w stand for what generator makes.
var templates = strings.Split(strings.TrimSpace(`
SET k v|SET k v|SET k v NX|SET k v XX GET|SET k v GET|SET k v o|SET k v o o|SET k v o t|SET k v o t o|SET k v o o t
GET k|GET k|GETSET k v|SETNX k v|SETEX k t v|PSETEX k t v|MGET k k k|MSET k v k v|MSET k v k|MSETNX k v k v|APPEND k v|STRLEN k
SETRANGE k n v|GETRANGE k n n|SUBSTR k n n|GETEX k|GETEX k o|GETEX k o t|GETDEL k|INCR k|INCR k|DECR k|INCRBY k n|INCRBY k v|DECRBY k n|DECRBY k v
INCRBYFLOAT k v|INCRBYFLOAT k v|LCS k k|LCS k k LEN
HSET h f v|HSET h f v f v|HSET h f v f v f v|HSET h f|HSET h f v f|HMSET h f v f v|HMSET h f v f|HSETNX h f v|HSETNX h f v|HGET h f|HGET h f|HMGET h f f f|HGETALL h|HGETALL h
HDEL h f|HDEL h f f|HDEL h f f f f|HDEL h|HEXISTS h f|HINCRBY h f n|HINCRBY h f n|HINCRBY h f v|HINCRBYFLOAT h f v|HINCRBYFLOAT h f v|HINCRBYFLOAT h f n|HKEYS h|HVALS h|HLEN h|HSTRLEN h f|HSTRLEN h f f
HSCAN h 0 COUNT 1000|HSCAN h 0 MATCH q COUNT 1000|HSCAN h 0 TYPE hash|HSCAN h x|HSCAN h 0 COUNT 0|HSCAN h 0 COUNT|HSCAN h 0 foo|HSCAN h
HRANDFIELD h 1000|HRANDFIELD h 1000 WITHVALUES|HRANDFIELD h 0|HRANDFIELD h 0 withvalues|HRANDFIELD h x|HRANDFIELD h 5 foo|HRANDFIELD h 5 WITHVALUES x|HRANDFIELD h -9223372036854775808|HRANDFIELD h -9223372036854775807 WITHVALUES|HRANDFIELD h 9223372036854775807 WITHVALUES
OBJECT ENCODING h|TYPE h|COPY h h|COPY h k REPLACE|RENAME h h|RENAME k h|DEL h|EXPIRE h t|TTL h|MOVE h d|SET h v|GET h|INCR h|APPEND h v|MGET h k|STRLEN h|GETEX h|GETDEL h|SETNX h v|LCS h k|GETSET h v|SET h v GET|SETRANGE h 0 v|GETRANGE h 0 -1
DEL k|DEL k k|UNLINK k k k|EXISTS k k|TOUCH k|TYPE k|KEYS *|KEYS p|RENAME k k|RENAMENX k k|COPY k k|COPY k k REPLACE|COPY k k DB d|COPY k k d
MOVE k d|SWAPDB d d|EXPIRE k t|EXPIRE k t x|EXPIREAT k t x|PEXPIRE k t x x|PEXPIREAT k t x|PEXPIREAT k t|EXPIREAT k t|PERSIST k|SET k v PXAT 1|GETEX k PXAT 1|PEXPIREAT k 1|EXPIRE k -5|TTL k|EXPIRETIME k|PEXPIRETIME k
OBJECT ENCODING k|OBJECT FREQ k|OBJECT foo k|OBJECT ENCODING|OBJECT HELP|FLUSHDB|FLUSHDB d|FLUSHALL ASYNC
SCAN 0 COUNT 1000|SCAN 0 MATCH p COUNT 1000|SCAN 0 TYPE string|SCAN 0 TYPE hash|SCAN x|SCAN 0 COUNT 0|SCAN 0 COUNT -1|SCAN 0 COUNT x|SCAN 0 COUNT|SCAN 0 foo
GET|GET k k|NOSUCH k v|nosuch|SET k|DEL|INCRBY k
`), "\n")

func (g generator) command() []string {
	lines := strings.Split(g.pick(templates...), "|")
	var words []string
	line := g.pick(lines...)
	for i, w := range strings.Fields(line) {
		switch {
		case i == 0:
		case w == "k":
			w = g.key()
		case w == "h":
			// Keys of their own, where little else interferes, and sometimes not.
			if w = g.pick("ha", "hb", "hc"); g.Intn(20) == 0 {
				w = g.key()
			}
		case w == "q":
			w = g.pick("*", "f1", "f[12]", "ff*", "?")
		case w == "v":
			w = g.val()
		case w == "n":
			w = g.num()
		case w == "t" && (line == "EXPIRE k t x" || line == "PEXPIRE k t x x"):
			w = g.once()
		case w == "t":
			w = g.at()
		case w == "d":
			w = g.pick("0", "1", "2", "15", "16", "-1", "x")
		case w == "p":
			w = g.pick("*", "a", "[a-c]", "[^a]", "?", "??", "[c-a]*", "\\a", "[", "[a", "")
		case w == "o":
			w = g.pick("EX", "PX", "EXAT", "PXAT", "KEEPTTL", "NX", "XX", "GET", "PERSIST", "foo", "ex", "pxat")
		case w == "x":
			w = g.pick("NX", "XX", "GT", "LT", "foo", "gt")
		case w == "f":
			w = g.pick("f1", "f2", "f3", "f4", strings.Repeat("f", 70))
		}
		words = append(words, w)
	}
	return words
}

// unordered are the commands whose reply's order is not a promise.
var unordered = []string{"KEYS", "SCAN", "HKEYS", "HVALS", "HGETALL", "HSCAN", "HRANDFIELD"}

// comparable makes replies comparable: sorted where the order is free, rounded
// where the clocks differ.
func comparable(words []string, reply string) string {
	name := strings.ToUpper(words[0])
	switch {
	case slices.Contains(unordered, name):
		lines := strings.Split(reply, "\r\n")
		slices.Sort(lines)
		return strings.Join(lines, "\r\n")
	case name == "TTL":
		if n, err := strconv.Atoi(strings.TrimSpace(reply[1:])); err == nil && n > 50 {
			return fmt.Sprintf("about %d", (n+50)/100)
		}
	case (name == "EXPIRETIME" || name == "PEXPIRETIME") && len(reply) > 6:
		n, _ := strconv.Atoi(strings.TrimSpace(reply[1 : len(reply)-2]))
		if name == "PEXPIRETIME" {
			n /= 1000
		}
		return fmt.Sprintf("about %d", (n+50)/100)
	}
	return reply
}

// TestLikeRedis runs random commands against the engine and a real server: the
// replies must be the same.
func TestLikeRedis(t *testing.T) {
	server := startRedis(t)
	server.do(t, "CONFIG", "SET", "hash-max-listpack-entries", strconv.Itoa(value.HashSmallFields))
	steps := 30000
	if testing.Short() {
		steps = 3000
	}
	for _, proto := range []uint8{2, 3} {
		g := generator{rand.New(rand.NewSource(int64(proto)))}
		e := New(Options{})
		server.do(t, "HELLO", strconv.Itoa(int(proto)))
		server.do(t, "FLUSHALL")
		failures := 0
		for step := range steps {
			words := g.command()
			got := apply(e, time.Now().UnixMilli(), proto, 0, words...)
			want := server.do(t, words...)
			if comparable(words, got) != comparable(words, want) {
				t.Errorf("RESP%d step %d: %q\n got %q\nwant %q", proto, step, words, got, want)
				if failures++; failures > 10 {
					return
				}
			}
		}
	}
}
