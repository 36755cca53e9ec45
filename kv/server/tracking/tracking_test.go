package tracking

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pingd/kv/engine"
	"pingd/kv/resp/reply"
)

// client is a connection that notes what it is told.
type client struct {
	resp3, subscribes bool
	got               []string
}

func (c *client) RESP3() bool      { return c.resp3 }
func (c *client) Subscribes() bool { return c.subscribes }
func (c *client) Push(b []byte) {
	words := strings.Split(strings.TrimSuffix(string(b), "\r\n"), "\r\n")
	words = slices.DeleteFunc(words, func(w string) bool { return w != "" && (w[0] == '*' && w != "*-1" || w[0] == '$' && w != "$-1") })
	c.got = append(c.got, strings.Join(words, " "))
}

// take returns what came since the last call.
func (c *client) take() string {
	s := strings.Join(c.got, "; ")
	c.got = nil
	return s
}

// node is a table with connections 1, 2 ...
type node struct {
	*Table
	clients map[int64]*client
	readers map[int64]*Reader
}

func newNode(n int) *node {
	nd := &node{clients: map[int64]*client{}, readers: map[int64]*Reader{}}
	nd.Table = NewTable(func(id int64) (Client, bool) { c, ok := nd.clients[id]; return c, ok })
	for id := int64(1); id <= int64(n); id++ {
		nd.clients[id] = &client{resp3: true}
		nd.readers[id] = nd.NewReader(id, nd.clients[id])
	}
	return nd
}

// run runs CLIENT TRACKING or CACHING for a connection.
func (nd *node) run(id int64, line string) string {
	w := &reply.Writer{Proto: 2}
	args := [][]byte{[]byte("CLIENT")}
	for _, word := range strings.Fields(line) {
		args = append(args, []byte(word))
	}
	if strings.EqualFold(string(args[1]), "CACHING") {
		nd.readers[id].Caching(w, args)
	} else {
		nd.readers[id].Tracking(w, args)
	}
	return strings.TrimSuffix(string(w.Out), "\r\n")
}

// read runs a command that reads keys.
func (nd *node) read(id int64, keys ...string) {
	r := nd.readers[id]
	if !r.Tracks() {
		keys = nil
	}
	r.Begin(keys)
	r.End()
	r.Forget()
}

// change applies changes by a client, 0 for none that matters.
func (nd *node) change(by int64, keys ...string) {
	var events []engine.Event
	for _, k := range keys {
		events = append(events, engine.Event{Name: "set", Key: []byte(k), Client: uint64(by)})
	}
	nd.Changed(events)
}

func (nd *node) want(t *testing.T, id int64, want string) {
	t.Helper()
	if got := nd.clients[id].take(); got != want {
		t.Errorf("client %d was told %q, want %q", id, got, want)
	}
}

func TestDefaultMode(t *testing.T) {
	nd := newNode(3)
	nd.read(1, "a") // before it is on
	if got := nd.run(1, "TRACKING on"); got != "+OK" {
		t.Fatal(got)
	}
	nd.run(2, "TRACKING on")
	nd.read(1, "a", "b")
	nd.read(2, "b")
	if c := nd.Counts(); c != (Counts{Clients: 2, Keys: 2, Items: 3}) {
		t.Errorf("%+v", c)
	}
	nd.change(0, "b", "c")
	nd.want(t, 1, "invalidate b")
	nd.want(t, 2, "invalidate b")
	nd.change(0, "b") // told once only, until it is read again
	nd.want(t, 1, "")
	nd.change(1, "a") // the client's own changes too
	nd.want(t, 1, "invalidate a")
	nd.want(t, 3, "")

	nd.read(1, "a")
	nd.Changed([]engine.Event{{Name: "flushdb"}})
	nd.want(t, 1, "invalidate _")
	nd.want(t, 2, "invalidate _")
	nd.change(0, "a") // forgotten with all others
	nd.want(t, 1, "")

	nd.read(1, "a")
	nd.run(1, "TRACKING off")
	nd.change(0, "a")
	nd.want(t, 1, "")
	nd.TurnOff(nd.readers[2])
	nd.TurnOff(nd.readers[2])
	if c := nd.Counts(); c != (Counts{}) {
		t.Errorf("left over: %+v", c)
	}
	nd.Flush()
	nd.want(t, 2, "")
}

func TestOptInAndOptOut(t *testing.T) {
	nd := newNode(2)
	nd.run(1, "TRACKING on OPTIN")
	nd.run(2, "TRACKING on OPTOUT")
	nd.read(1, "a")
	nd.read(2, "a")
	nd.change(0, "a")
	nd.want(t, 1, "")
	nd.want(t, 2, "invalidate a")
	for id, word := range map[int64]string{1: "CACHING yes", 2: "CACHING no"} {
		if got := nd.run(id, word); got != "+OK" {
			t.Error(got)
		}
		nd.read(id, "a")
	}
	nd.change(0, "a")
	nd.want(t, 1, "invalidate a")
	nd.want(t, 2, "")
}

func TestNoLoop(t *testing.T) {
	nd := newNode(2)
	nd.run(1, "TRACKING on NOLOOP")
	nd.run(2, "TRACKING on BCAST PREFIX a NOLOOP")
	if nd.readers[1].NoLoop() != 1 || nd.readers[2].NoLoop() != 2 {
		t.Error("writes are not marked")
	}
	nd.read(1, "a")
	nd.change(1, "a")
	nd.want(t, 1, "")
	nd.want(t, 2, "invalidate a")
	nd.change(2, "a", "ab")
	nd.want(t, 1, "") // its own change has ended the tracking, as in Redis
	nd.want(t, 2, "")
	nd.read(1, "a")
	nd.change(2, "a")
	nd.want(t, 1, "invalidate a")
	// Changed by both in one batch: both must hear.
	nd.Changed([]engine.Event{{Key: []byte("a"), Client: 2}, {Key: []byte("a"), Client: 1}, {Key: []byte("ax"), Client: 2}})
	nd.want(t, 2, "invalidate a")
}

func TestBroadcast(t *testing.T) {
	nd := newNode(3)
	nd.run(1, "TRACKING on BCAST PREFIX user: PREFIX session:")
	nd.run(2, "TRACKING on BCAST")
	nd.read(1, "other")
	nd.change(0, "user:2", "user:1", "other", "user:1", "session:9")
	got := nd.clients[1].take()
	if got != "invalidate user:1 user:2; invalidate session:9" && got != "invalidate session:9; invalidate user:1 user:2" {
		t.Errorf("told %q", got)
	}
	nd.want(t, 2, "invalidate other session:9 user:1 user:2")
	if c := nd.Counts(); c != (Counts{Clients: 2, Prefixes: 3}) {
		t.Errorf("%+v", c)
	}
	nd.Changed([]engine.Event{{Name: "flushall"}})
	nd.want(t, 1, "invalidate _")
}

func TestRedirect(t *testing.T) {
	nd := newNode(3)
	nd.clients[1].resp3, nd.clients[2].resp3 = false, false
	nd.run(1, "TRACKING on REDIRECT 2")
	nd.read(1, "a")
	nd.change(0, "a")
	nd.want(t, 2, "") // it does not subscribe, so nothing could be said to it
	nd.clients[2].subscribes = true
	nd.read(1, "a")
	nd.change(0, "a")
	nd.want(t, 2, "message __redis__:invalidate a")
	nd.Flush()
	nd.want(t, 2, "message __redis__:invalidate $-1")
	nd.want(t, 1, "")

	nd.run(3, "TRACKING on REDIRECT 1")
	nd.clients[1].resp3 = true
	nd.read(3, "b")
	nd.change(0, "b")
	nd.want(t, 1, "invalidate b")
	delete(nd.clients, 1)
	nd.read(3, "b")
	nd.change(0, "b")
	nd.want(t, 3, "tracking-redir-broken :1")
	if s := nd.readers[3].State(); !s.Broken || s.Redirect != 1 {
		t.Errorf("%+v", s)
	}
}

// A RESP2 client without a redirection can not be told anything.
func TestRESP2WithoutRedirect(t *testing.T) {
	nd := newNode(1)
	nd.clients[1].resp3 = false
	nd.run(1, "TRACKING on")
	nd.read(1, "a")
	nd.change(0, "a")
	nd.want(t, 1, "")
	if c := nd.Counts(); c.Keys != 0 {
		t.Errorf("%+v", c)
	}
}

// What is told while a reply is on its way comes after it.
func TestMessagesWaitForTheReply(t *testing.T) {
	nd := newNode(1)
	nd.run(1, "TRACKING on")
	r := nd.readers[1]
	r.Begin([]string{"a", "b"})
	nd.change(0, "a")
	r.Begin([]string{"c"})
	nd.change(0, "b", "c")
	nd.want(t, 1, "")
	r.End()
	nd.want(t, 1, "invalidate a; invalidate b; invalidate c")
	r.Begin([]string{"a"})
	nd.change(0, "a")
	nd.Flush()
	nd.change(0, "a")
	r.End()
	nd.want(t, 1, "invalidate _")
	// One who waits for long is not worth more than a bounded amount of memory.
	var keys []string
	for i := range 2 * maxHeld / 1000 {
		keys = append(keys, fmt.Sprint(i, strings.Repeat("x", 1000)))
	}
	r.Begin(keys)
	nd.change(0, keys...)
	if len(r.held) != 1 {
		t.Errorf("%d messages held", len(r.held))
	}
	r.End()
	nd.want(t, 1, "invalidate _")
}

func TestTableIsBounded(t *testing.T) {
	nd := newNode(2)
	nd.SetMax(100)
	nd.run(1, "TRACKING on")
	for i := range 1000 {
		nd.read(1, fmt.Sprint(i))
	}
	if c := nd.Counts(); c.Keys != 100 || c.Items != 100 || len(nd.readers[1].keys) != 100 {
		t.Errorf("%+v, %d", c, len(nd.readers[1].keys))
	}
	if n := len(nd.clients[1].got); n != 900 {
		t.Errorf("%d keys were told to be forgotten, want 900", n)
	}
	nd.SetMax(10)
	if n := len(nd.clients[1].got); n != 990 {
		t.Errorf("%d after a lower limit", n)
	}
	nd.SetMax(0)
	for i := range 1000 {
		nd.read(1, fmt.Sprint(i))
	}
	if c := nd.Counts(); c.Keys != 1000 {
		t.Errorf("%+v without a limit", c)
	}
}

// A model of clients that cache: whatever happens, none keeps a value that is not
// the store's, except one that was told nothing because it asked for that.
func TestCachesAreNeverStale(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	const clients, keys = 4, 12
	nd := newNode(clients)
	nd.SetMax(8)
	store := map[string]int{}
	caches := map[int64]map[string]int{}
	for id := range nd.readers {
		caches[id] = map[string]int{}
		if got := nd.run(id, []string{"TRACKING on", "TRACKING on BCAST", "TRACKING on BCAST PREFIX k1 PREFIX k2", "TRACKING on OPTIN"}[id-1]); got != "+OK" {
			t.Fatal(got)
		}
	}
	heed := func(id int64) {
		for _, m := range nd.clients[id].got {
			words := strings.Fields(m)[1:]
			if words[0] == "_" {
				clear(caches[id])
			}
			for _, k := range words {
				delete(caches[id], k)
			}
		}
		nd.clients[id].got = nil
	}
	for step := range 20000 {
		key := fmt.Sprint("k", g.IntN(keys))
		switch id := 1 + g.Int64N(clients); g.IntN(10) {
		case 0, 1, 2:
			store[key] = step
			nd.change(0, key)
		case 3:
			if g.IntN(50) == 0 {
				clear(store)
				nd.Changed([]engine.Event{{Name: "flushall"}})
			}
		default:
			if id == 3 && !strings.HasPrefix(key, "k1") && !strings.HasPrefix(key, "k2") {
				continue // not covered by its prefixes
			}
			if id == 4 {
				nd.run(id, "CACHING yes")
			}
			r := nd.readers[id]
			r.Begin([]string{key}[:map[bool]int{true: 1}[r.Tracks()]])
			value := store[key]
			if g.IntN(3) == 0 { // a write between reading and replying
				store[key] = -step
				nd.change(0, key)
			}
			caches[id][key] = value
			r.End()
			r.Forget()
		}
		for id, cache := range caches {
			heed(id)
			for k, v := range cache {
				if store[k] != v {
					t.Fatalf("step %d: client %d keeps %s=%d, the store has %d", step, id, k, v, store[k])
				}
			}
		}
	}
}

func TestOptionErrors(t *testing.T) {
	for _, c := range []struct{ before, line, want string }{
		{"", "TRACKING maybe", "-ERR syntax error"},
		{"", "TRACKING on foo", "-ERR syntax error"},
		{"", "TRACKING on REDIRECT", "-ERR syntax error"},
		{"", "TRACKING on REDIRECT x", "-ERR value is not an integer or out of range"},
		{"", "TRACKING on REDIRECT 99", "-ERR The client ID you want redirect to does not exist"},
		{"", "TRACKING on REDIRECT 2 REDIRECT 2", "-ERR A client can only redirect to a single other client"},
		{"", "TRACKING on PREFIX a", "-ERR PREFIX option requires BCAST mode to be enabled"},
		{"", "TRACKING on BCAST OPTIN", "-ERR OPTIN and OPTOUT are not compatible with BCAST"},
		{"", "TRACKING on OPTIN OPTOUT", "-ERR You can't specify both OPTIN mode and OPTOUT mode"},
		{"", "TRACKING on BCAST PREFIX a PREFIX ab", "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap."},
		{"TRACKING on BCAST PREFIX ab", "TRACKING on BCAST PREFIX a", "-ERR Prefix 'a' overlaps with an existing prefix 'ab'. Prefixes for a single client must not overlap."},
		{"TRACKING on BCAST PREFIX ab", "TRACKING on BCAST PREFIX c", "+OK"},
		{"TRACKING on", "TRACKING on BCAST", "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."},
		{"TRACKING on OPTIN", "TRACKING on OPTOUT", "-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."},
		{"TRACKING on OPTIN", "TRACKING off REDIRECT 2", "+OK"},
		{"", "CACHING yes", "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"},
		{"TRACKING on", "CACHING yes", "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."},
		{"TRACKING on OPTIN", "CACHING no", "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."},
		{"TRACKING on OPTIN", "CACHING maybe", "-ERR syntax error"},
	} {
		nd := newNode(2)
		if c.before != "" {
			nd.run(1, c.before)
		}
		if got := nd.run(1, c.line); got != c.want {
			t.Errorf("%s, %s:\ngot  %s\nwant %s", c.before, c.line, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("on REDIRECT 1 BCAST PREFIX a PREFIX b NOLOOP")
	f.Fuzz(func(t *testing.T, line string) {
		nd := newNode(1)
		nd.run(1, "TRACKING "+line+" x")
		nd.run(1, "TRACKING on "+line)
		nd.change(0, line)
		nd.TurnOff(nd.readers[1])
		if c := nd.Counts(); c != (Counts{}) {
			t.Errorf("left over: %+v", c)
		}
	})
}
