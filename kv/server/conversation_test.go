package server

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// conversations are lines "connection: command"; after each, everything that any
// of the connections has received must be what it receives from a real Redis. ID(x)
// stands for the number of connection x. The connection named with a 3 speaks RESP3.
var conversations = map[string]string{
	"tracking, default mode": `
a3: CLIENT TRACKING on
a3: GET k
b: SET k 1
b: SET k 2
a3: GET k
b: SET other 1
b: EXPIRE k 100
a3: MGET k l m
b: MSET l 1 m 2
b: DEL k
a3: GET k
a3: SET k mine
a3: GET k
b: FLUSHDB
b: SET k 1
a3: HGET h f
b: HSET h f 1 g 2
a3: HGETALL h
b: HDEL h f g
a3: EXISTS k l
b: RENAME k l
a3: GET l
b: SELECT 3
b: SET l 1
a3: TTL x
b: SET x 1 PX 1
a3: CLIENT TRACKING off
a3: GET l
b: SET l 2
`,
	"tracking within transactions": `
a3: CLIENT TRACKING on
a3: MULTI
a3: GET k
a3: GET l
a3: EXEC
b: MSET k 1 l 2
a3: GET k
a3: MULTI
a3: SET k 5
a3: GET x
a3: EXEC
b: SET k 3
b: SET x 4
a3: GET k
b: MULTI
b: SET k 1
b: FLUSHALL
b: EXEC
`,
	"tracking, opt-in and opt-out": `
a3: CLIENT TRACKING on OPTIN
c3: CLIENT TRACKING on OPTOUT
a3: GET k
c3: GET k
b: SET k 1
a3: CLIENT CACHING yes
a3: GET k
c3: CLIENT CACHING no
c3: GET k
b: SET k 2
a3: CLIENT CACHING yes
a3: CLIENT SETNAME x
a3: GET k
b: SET k 3
a3: CLIENT CACHING yes
a3: PING
a3: GET k
b: SET k 4
a3: CLIENT CACHING yes
a3: MULTI
a3: GET k
a3: GET l
a3: EXEC
a3: GET m
b: MSET k 1 l 1 m 1
`,
	"tracking, broadcast": `
a3: CLIENT TRACKING on BCAST PREFIX user: PREFIX item:
c3: CLIENT TRACKING on BCAST NOLOOP
b: SET user:1 x
b: MSET item:2 x user:2 y foo z
b: SET bar 1
c3: SET user:9 mine
c3: SET bar mine
b: DEL user:1 bar
b: FLUSHALL
`,
	"tracking, no loop": `
a3: CLIENT TRACKING on NOLOOP
a3: GET k
a3: SET k 1
b: SET k 2
a3: GET k
b: SET k 3
a3: GET k
a3: MULTI
a3: SET k 9
a3: EXEC
`,
	"tracking, redirected": `
b: SUBSCRIBE __redis__:invalidate
a: CLIENT TRACKING on REDIRECT ID(b)
a: CLIENT GETREDIR
a: GET k
c: SET k 1
a: GET k
a: SET k 2
a: GET k
c: FLUSHALL
a3: CLIENT TRACKING on REDIRECT ID(b)
a3: GET z
c: SET z 1
c: FLUSHALL
b: QUIT
a3: GET z
c: SET z 2
a3: CLIENT TRACKINGINFO
`,
	"tracking ends with RESET": `
a3: CLIENT TRACKING on
a3: GET k
a3: RESET
b: SET k 1
a3: CLIENT TRACKINGINFO
`,
	"publish and subscribe": `
a: SUBSCRIBE x y
b3: PSUBSCRIBE x*
b3: SUBSCRIBE x
c: PUBLISH x hello
c: PUBLISH none hello
b3: PUBLISH x me
a: UNSUBSCRIBE x
c: PUBLISH x again
c: PUBSUB CHANNELS y*
c: PUBSUB NUMPAT
c: PUBSUB NUMSUB x y z
b3: PUNSUBSCRIBE
b3: UNSUBSCRIBE
a: UNSUBSCRIBE
c: PUBLISH x nobody
a: MULTI
a: PING
a: SUBSCRIBE q
a: EXEC
c: PUBLISH q 1
a: RESET
`,
	"shard channels": `
a: SSUBSCRIBE x
a: SUBSCRIBE x
b3: SSUBSCRIBE x y
c: SPUBLISH x hello
c: PUBLISH x plain
c: PUBSUB SHARDCHANNELS y*
c: PUBSUB SHARDNUMSUB x y
a: SUNSUBSCRIBE
a: UNSUBSCRIBE
b3: SUNSUBSCRIBE y
c: SPUBLISH y hello
`,
	"monitor": `
m: MONITOR
a: SET k "a b\x00\n\""
a3: HGET h f
a: SELECT 3
a: GET k
a: CONFIG GET maxmemory
a: FOO
a: GET
a: AUTH x
a: CLIENT ID
a: PUBLISH x y
m: PING
m: RESET
a: SET k 2
`,
	"watch": `
a: SET k 1
a: WATCH k
b: SET k 2
a: MULTI
a: INCR k
a: EXEC
a: WATCH k l
a: MULTI
a: INCR k
a: EXEC
a3: WATCH new
b: SET new 1
a3: MULTI
a3: GET new
a3: EXEC
a: WATCH k
b: SELECT 1
b: SET k 1
a: MULTI
a: EXEC
`,
	"kill": `
a: CLIENT SETNAME a
b: CLIENT SETNAME b
b: CLIENT KILL ID ID(a)
b: CLIENT KILL ID ID(a)
b: CLIENT KILL TYPE pubsub
`,
	"unblock": `
a: CLIENT UNBLOCK ID(b)
a: CLIENT UNBLOCK ID(b) ERROR
`,
	"flush and databases": `
a: SET k 0
a: SELECT 1
a: SET k 1
a: SWAPDB 0 1
a: GET k
b: GET k
b: MOVE k 5
b: SELECT 5
b: COPY k l DB 0
b: FLUSHDB
b: DBSIZE
a: FLUSHALL ASYNC
a: DBSIZE
`,
}

// talkers are the connections of one conversation with one server.
type talkers struct {
	t    *testing.T
	addr string
	all  map[string]*asker
	ids  map[string]string
	gone map[string]bool
}

func (k *talkers) get(name string) *asker {
	if k.all[name] == nil {
		a := newAsker(k.t, k.addr)
		if strings.HasSuffix(name, "3") {
			k.must(a, "HELLO 3")
		}
		k.all[name], k.ids[name] = a, strings.Trim(k.must(a, "CLIENT ID"), ":\r\n")
	}
	return k.all[name]
}

func (k *talkers) must(a *asker, line string) string {
	k.t.Helper()
	got, err := a.ask(line)
	if err != nil {
		k.t.Fatalf("%s: %v", line, err)
	}
	return got
}

var idOf = regexp.MustCompile(`ID\((\w+)\)`)

// say runs one line and returns what every connection has received since the last.
func (k *talkers) say(line string, names []string) (received map[string]string) {
	name, command, _ := strings.Cut(line, ": ")
	command = idOf.ReplaceAllStringFunc(command, func(m string) string { return k.ids[m[3:len(m)-1]] })
	received = map[string]string{}
	k.ask(name, command, received)
	k.hear(names, received)
	return received
}

// hear adds to received what has come since.
func (k *talkers) hear(names []string, received map[string]string) {
	for _, n := range names {
		k.ask(n, "", received) // nothing, only the marker behind it
	}
}

func (k *talkers) ask(name, command string, received map[string]string) {
	if k.gone[name] {
		return
	}
	got, err := k.get(name).ask(command)
	if err != nil {
		k.gone[name] = true
		got += "(end)"
	}
	received[name] += got
}

// shown writes down what was received; numbers of connections differ.
func (k *talkers) shown(line string, names []string, received map[string]string) string {
	var b strings.Builder
	for _, n := range names {
		if received[n] != "" {
			fmt.Fprintf(&b, "%s gets %q\n", n, received[n])
		}
	}
	text := markers.ReplaceAllString(b.String(), "")
	if strings.Contains(line, "CLIENT") || strings.Contains(text, "redir-broken") {
		for n, id := range k.ids {
			text = strings.ReplaceAll(text, ":"+id+`\r\n`, ":ID("+n+`)\r\n`)
		}
	}
	return monitored.ReplaceAllString(text, "+TIME [$1 ADDR]")
}

// markers are what MONITOR shows of the commands that only the test sends.
var markers = regexp.MustCompile(`\+[0-9.]+ \[[^\]]+\] \\"PING\\" \\"marker\\"\\r\\n|m gets ""\n`)

// MONITOR shows times and addresses.
var monitored = regexp.MustCompile(`\+[0-9]+\.[0-9]+ \[([0-9]+) [^\]]+\]`)

func TestConversationsAreThoseOfRedis(t *testing.T) {
	redis := startRedis(t)
	for title, lines := range conversations {
		t.Run(title, func(t *testing.T) {
			var sides [2]*talkers
			for i, addr := range []string{redis, start(t, nil).addr} {
				sides[i] = &talkers{t: t, addr: addr, all: map[string]*asker{}, ids: map[string]string{}, gone: map[string]bool{}}
				sides[i].must(newAsker(t, addr), "FLUSHALL")
			}
			var names []string // of the connections that take part, in order
			seen := map[string]bool{}
			list := strings.Split(strings.TrimSpace(lines), "\n")
			for _, l := range list {
				if n, _, _ := strings.Cut(l, ":"); !seen[n] {
					seen[n] = true
					names = append(names, n)
				}
			}
			for _, side := range sides {
				for _, n := range names {
					side.get(n)
				}
			}
			for i, l := range list {
				want := sides[0].shown(l, names, sides[0].say(l, names))
				received := sides[1].say(l, names)
				got := sides[1].shown(l, names, received)
				for end := time.Now().Add(2 * time.Second); got != want && time.Now().Before(end); {
					// Messages to others may be on their way still.
					sides[1].hear(names, received)
					got = sides[1].shown(l, names, received)
				}
				if got != want {
					t.Errorf("line %d, %s\ngot\n%swant\n%s", i+1, l, got, want)
				}
			}
		})
	}
}
