package clients

import (
	"strconv"
	"strings"
	"time"

	"pingd/kv/server/listing"
	"pingd/kv/server/pause"
	"pingd/kv/server/reply"
)

// Info is CLIENT INFO of the caller.
func Info(w *reply.Writer, me Conn) {
	l := me.View()
	w.Verbatim(l.Line(time.Now()) + "\n")
}

// List is CLIENT LIST [TYPE type | ID id ...]; args are the words of the call.
func (s *Set) List(w *reply.Writer, args [][]byte) {
	var filter listing.Filter
	if problem := filter.ParseList(args[2:]); problem != "" {
		w.Fail(problem)
		return
	}
	var b strings.Builder
	now := time.Now()
	for _, o := range s.All() {
		if l := o.View(); filter.Matches(&l) {
			b.WriteString(l.Line(now) + "\n")
		}
	}
	w.Verbatim(b.String())
}

// Kill is CLIENT KILL addr and CLIENT KILL filter value ... It reports whether the
// caller is among those who must go.
func (s *Set) Kill(w *reply.Writer, me Conn, args [][]byte) (self bool) {
	filter := listing.Filter{SkipMe: true}
	old := len(args) == 3
	if old {
		filter = listing.Filter{Addr: string(args[2])}
	} else if problem := filter.Parse(args[2:]); problem != "" {
		w.Fail(problem)
		return false
	}
	killed := int64(0)
	for _, o := range s.All() {
		if l := o.View(); !filter.Matches(&l) || (o == me && filter.SkipMe) {
			continue
		}
		killed++
		if o == me {
			self = true
			continue
		}
		o.End()
	}
	switch {
	case !old:
		w.Int(killed)
	case killed == 0:
		w.Fail("ERR No such client")
	default:
		w.OK()
	}
	return self
}

// Pause is CLIENT PAUSE milliseconds [WRITE|ALL].
func Pause(w *reply.Writer, p *pause.Pause, args [][]byte) {
	ms, err := strconv.ParseInt(string(args[2]), 10, 64)
	all := true
	if len(args) == 4 {
		switch strings.ToUpper(string(args[3])) {
		case "WRITE":
			all = false
		case "ALL":
		default:
			w.Fail("ERR CLIENT PAUSE mode must be WRITE or ALL")
			return
		}
	}
	switch {
	case len(args) > 4:
		w.Fail(reply.ErrSyntax)
	case err != nil:
		w.Fail("ERR timeout is not an integer or out of range")
	case ms < 0:
		w.Fail("ERR timeout is negative")
	default:
		ms = min(ms, int64(24*time.Hour/time.Millisecond))
		p.Set(time.Now().Add(time.Duration(ms)*time.Millisecond), all)
		w.OK()
	}
}

// Unblock is CLIENT UNBLOCK id [TIMEOUT|ERROR].
func (s *Set) Unblock(w *reply.Writer, args [][]byte) {
	fail := false
	if len(args) > 3 {
		switch mode := strings.ToUpper(string(args[3])); {
		case len(args) > 4:
			w.Fail(reply.ErrSyntax)
			return
		case mode == "ERROR":
			fail = true
		case mode != "TIMEOUT":
			w.Fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
			return
		}
	}
	id, err := strconv.ParseInt(string(args[2]), 10, 64)
	if err != nil {
		w.Fail(reply.ErrNotInt)
		return
	}
	if c := s.Get(id); c != nil && c.Unblock(fail) {
		w.Int(1)
		return
	}
	w.Int(0)
}

// Help is CLIENT HELP.
func Help(w *reply.Writer) {
	w.Help("CLIENT", strings.Split(strings.TrimSpace(`
CACHING (YES|NO)
    Cache, or do not, the keys of the next command (see TRACKING).
GETNAME
    Return the name of the connection.
GETREDIR
    Return whom invalidation messages go to.
ID
    Return the number of the connection.
INFO
    Describe the connection.
KILL <ip:port>
    Close the connection from an address.
KILL <option> <value> [<option> <value> ...]
    Close connections. Options: ADDR, LADDR, TYPE, USER, ID, SKIPME.
LIST [TYPE <type> | ID <id> [<id> ...]]
    Describe the connections of this node.
NO-EVICT (ON|OFF)
NO-TOUCH (ON|OFF)
    Stored and shown: nothing is evicted here.
PAUSE <milliseconds> [WRITE|ALL]
    Hold commands back for a while.
REPLY (ON|OFF|SKIP)
    Choose whether commands are answered.
SETINFO (LIB-NAME|LIB-VER) <value>
    Tell the client library.
SETNAME <name>
    Name the connection.
TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]
    Tell the connection when a key that it has read changes, on any node.
TRACKINGINFO
    Return what TRACKING has set.
UNBLOCK <id> [TIMEOUT|ERROR]
    End the wait of a connection.
UNPAUSE
    End a pause.`), "\n")...)
}
