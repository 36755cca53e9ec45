package tracking

import (
	"slices"

	"pingd/kv/resp/reply"
)

// Client is a connection as messages reach it. Its methods are safe for
// concurrent use, and Push neither blocks nor keeps the message.
type Client interface {
	RESP3() bool
	Subscribes() bool    // to a channel or pattern
	Push(message []byte) // encoded for RESP2
}

// Reader is one connection with what it asked to be told. Create it with
// Table.NewReader. Command methods and On, Tracks, Begin, End are for the
// goroutine of the connection alone.
type Reader struct {
	table *Table
	id    int64
	self  Client
	opt   Options // changed with the table locked
	on    bool    // changed with the table locked

	caching bool // CLIENT CACHING was the last command but one, or began the transaction

	// With the table locked:
	keys   map[*tracked]struct{}
	busy   bool // between Begin and End
	held   []message
	size   int // bytes of held
	broken bool
}

// message is what a reader is told: keys, or if nil, everything.
type message struct{ keys []string }

// maxHeld is how many bytes of keys are held for a reader that is busy before it
// is told to forget everything.
const maxHeld = 1 << 20

// On reports whether tracking is on.
func (r *Reader) On() bool { return r.on }

// NoLoop returns the number to mark the connection's writes with, 0 if it wants to
// hear of them.
func (r *Reader) NoLoop() uint64 {
	if r.on && r.opt.NoLoop {
		return uint64(r.id)
	}
	return 0
}

// Tracks reports whether the keys of a command that only reads are to be noted.
func (r *Reader) Tracks() bool {
	switch {
	case !r.on || r.opt.BCast:
		return false
	case r.opt.OptIn:
		return r.caching
	case r.opt.OptOut:
		return !r.caching
	}
	return true
}

// Forget ends what CLIENT CACHING said: another command has run.
func (r *Reader) Forget() { r.caching = false }

// Tracking is CLIENT TRACKING on|off [option ...].
func (r *Reader) Tracking(w *reply.Writer, args [][]byte) {
	o, problem := Parse(args[3:], func(id int64) bool { return r.table.client(id) != nil })
	if problem == "" {
		switch word := string(args[2]); {
		case equalFold(word, "on"):
			problem = o.conflict(r.on, &r.opt)
			if problem == "" {
				r.table.turnOn(r, o)
			}
		case equalFold(word, "off"):
			r.table.TurnOff(r)
		default:
			problem = reply.ErrSyntax
		}
	}
	if problem != "" {
		w.Fail(problem)
		return
	}
	w.OK()
}

// Caching is CLIENT CACHING yes|no.
func (r *Reader) Caching(w *reply.Writer, args [][]byte) {
	const only = " is only valid when tracking is enabled in "
	yes, no := equalFold(string(args[2]), "yes"), equalFold(string(args[2]), "no")
	switch {
	case !r.on:
		w.Fail("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
	case yes && !r.opt.OptIn:
		w.Fail("ERR CLIENT CACHING YES" + only + "OPTIN mode.")
	case no && !r.opt.OptOut:
		w.Fail("ERR CLIENT CACHING NO" + only + "OPTOUT mode.")
	case !yes && !no:
		w.Fail(reply.ErrSyntax)
	default:
		r.caching = true
		w.OK()
	}
}

// Redirect is CLIENT GETREDIR.
func (r *Reader) Redirect(w *reply.Writer) { w.Int(r.redirect()) }

// redirect returns whom messages go to: 0 = the reader itself, -1 = nobody.
func (r *Reader) redirect() int64 {
	if !r.on {
		return -1
	}
	return r.opt.Redirect
}

// Info is CLIENT TRACKINGINFO.
func (r *Reader) Info(w *reply.Writer) {
	flags := []string{"off"}
	if r.on {
		flags[0] = "on"
		for _, f := range []struct {
			word string
			set  bool
		}{
			{"bcast", r.opt.BCast},
			{"optin", r.opt.OptIn},
			{"caching-yes", r.opt.OptIn && r.caching},
			{"optout", r.opt.OptOut},
			{"caching-no", r.opt.OptOut && r.caching},
			{"noloop", r.opt.NoLoop},
			{"broken_redirect", r.State().Broken},
		} {
			if f.set {
				flags = append(flags, f.word)
			}
		}
	}
	w.Map(3)
	w.Bulk("flags")
	w.Set(len(flags))
	for _, f := range flags {
		w.Bulk(f)
	}
	w.Bulk("redirect")
	w.Int(r.redirect())
	w.Bulk("prefixes")
	w.Strings(r.opt.Prefixes)
}

// State is what CLIENT LIST shows of a reader.
type State struct {
	On, BCast, Broken bool
	Redirect          int64 // -1 = tracking is off
}

// State returns the present state. Safe for concurrent use.
func (r *Reader) State() State {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	return State{r.on, r.opt.BCast, r.broken, r.redirect()}
}

// Begin says that the connection runs commands from now until End, among them
// reads of keys: what it is told meanwhile is held until their replies are
// written. It may be called several times before End.
func (r *Reader) Begin(keys []string) {
	if !r.on {
		return
	}
	r.table.begin(r, keys)
}

// End hands out what was held since Begin.
func (r *Reader) End() {
	if r.on {
		r.table.end(r)
	}
}

// tell sends a message, or holds it while the reader is busy. The table is
// locked.
func (r *Reader) tell(m message) {
	if !r.busy {
		r.send(m)
		return
	}
	for _, k := range m.keys {
		r.size += len(k) + 32
	}
	switch {
	case len(r.held) == 1 && r.held[0].keys == nil: // everything is forgotten already
	case m.keys == nil || r.size > maxHeld:
		r.held, r.size = []message{{}}, 0
	default:
		r.held = append(r.held, m)
	}
}

// send hands a message to whoever gets it. The table is locked.
func (r *Reader) send(m message) {
	to := r.self
	if r.opt.Redirect != 0 {
		if to = r.table.client(r.opt.Redirect); to == nil {
			r.broken = true
			if r.self.RESP3() {
				r.self.Push(redirectBroken(r.opt.Redirect))
			}
			return
		}
	}
	switch {
	case to.RESP3():
		to.Push(invalidate(m.keys))
	case to != r.self && to.Subscribes():
		to.Push(channelMessage(m.keys, r.self.RESP3()))
	}
}

func (r *Reader) addPrefixes(prefixes []string) {
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, p := range prefixes {
		if !slices.Contains(r.opt.Prefixes, p) {
			r.opt.Prefixes = append(r.opt.Prefixes, p)
		}
	}
	slices.Sort(r.opt.Prefixes)
}
