package clients

import (
	"strconv"
	"strings"
	"time"

	"pingd/kv/resp/listing"
	"pingd/kv/resp/reply"
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
		filter = listing.Filter{Addr: string(args[2]), Nobody: len(args[2]) == 0}
	} else if problem := filter.Parse(args[2:]); problem != "" {
		w.Fail(problem)
		return false
	}
	killed := int64(0)
	for _, o := range s.All() {
		if l := o.View(); l.Closing || !filter.Matches(&l) || (o == me && filter.SkipMe) {
			continue // one that was told to leave before is not killed again
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
