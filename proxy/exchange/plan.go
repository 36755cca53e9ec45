package exchange

import (
	"crypto/rand"
	"encoding/binary"

	"pingd/proxy/balance"
	"pingd/proxy/http1"
	"pingd/proxy/sticky"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// Router decides what is to be done with a request. Route is called by every
// worker at once and by loops that serve thousands of clients: it must not block.
type Router interface {
	Route(q *Query, p *Plan)
}

// Query is what a Router is asked.
type Query struct {
	// Request is the request's head, which was parsed from Buf.
	Request *http1.Request
	Buf     []byte
	// Client is the address of whoever sent it, as text; Trusted tells that this is
	// a proxy of our own.
	Client  []byte
	Trusted bool
	// Secure tells that it came over TLS.
	Secure bool
	// Plain tells that the engine which asks can do no more than HTTP/1.1 over TCP:
	// for more the plan must be HandOver.
	Plain bool
	// Now is the time.
	Now wire.Instant
}

// Plan is what is to be done with one request. Its owner keeps it in place from
// Make to the end of the request.
type Plan struct {
	// Set is where the request goes; nil means that Own is the answer.
	Set *upstream.Set
	// Service names the Set in the log.
	Service string
	// Want is what the request asks of its server.
	Want upstream.Want
	// Own is the proxy's own answer, with what it carries beside the reason.
	Own        *http1.Error
	Location   string // of a redirection
	RetryAfter int    // seconds; 0: as usual for the status
	Text       string // in place of the reason
	// HandOver has the request served by the engine that takes everything.
	HandOver bool
	// Cookie is the name of the cookie that keeps clients with their server (empty:
	// none).
	Cookie string

	id     []byte // of the request
	made   [idLen]byte
	secure bool
}

// To is a Router that sends everything to one set.
func To(s *upstream.Set) Router { return only{s} }

type only struct{ set *upstream.Set }

// Route implements Router.
func (o only) Route(q *Query, p *Plan) {
	p.Set = o.set
	p.HandOver = q.Plain && o.set.Special()
}

// Make plans for the request of q, and begins its record.
func (p *Plan) Make(c *Config, ids *IDs, q *Query, r *Record) {
	p.Set, p.Service, p.Want, p.Own, p.Location, p.RetryAfter, p.Text = nil, "", upstream.Want{}, nil, "", 0, ""
	p.HandOver, p.Cookie, p.id, p.secure = false, "", nil, q.Secure
	if !c.NoRequestID {
		p.name(ids, q)
	}
	c.Router.Route(q, p)
	if p.Set == nil && p.Own == nil && !p.HandOver {
		p.Own = ErrNoService
	}
	r.Service, r.ID, r.Secure = p.Service, p.id, q.Secure
}

// maxID is the longest request id that a proxy of ours may have given.
const maxID = 128

// name gives the request its id: the one that a proxy in front gave it, or a new
// one.
func (p *Plan) name(ids *IDs, q *Query) {
	if q.Trusted {
		if id := q.Request.RequestID(q.Buf); len(id) <= maxID && http1.IsTarget(id) {
			p.id = id
			return
		}
	}
	p.made = ids.next()
	p.id = p.made[:]
}

// Forward fills in what the request carries to a server in addition.
func (p *Plan) Forward(f *http1.Forward) {
	f.RequestID = p.id
	if p.secure {
		f.Proto = "https"
	}
}

// Reply fills in what a response from r's server carries to the client in
// addition; extra is memory for it.
func (p *Plan) Reply(o *http1.Reply, r *Record, extra []byte) []byte {
	o.RequestID = p.id
	if p.Cookie == "" || r.Server == p.Want.Prefer {
		return extra
	}
	extra = sticky.AppendField(extra[:0], p.Cookie, r.Server.Mark(), p.secure)
	o.Extra = extra
	return extra
}

// Dress fills in what the proxy's own answer e carries in addition.
func (p *Plan) Dress(a *Answer, e *http1.Error) {
	a.RequestID = p.id
	if e == p.Own {
		a.Location, a.RetryAfter, a.Text = p.Location, p.RetryAfter, p.Text
	}
}

// Forget makes p that of no request, so that its answer carries nothing.
func (p *Plan) Forget() { p.id, p.Own = nil, nil }

const idLen = 16

// IDs makes request ids: no two of the same, and none that tells how many there
// were. Make it with NewIDs; not safe for concurrent use.
type IDs struct{ seed, n uint64 }

// NewIDs returns IDs that no other IDs share.
func NewIDs() IDs {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return IDs{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

func (i *IDs) next() (id [idLen]byte) {
	const hex = "0123456789abcdef"
	i.n++
	v := balance.Mix(i.seed ^ balance.Mix(i.n))
	for k := range id {
		id[k] = hex[v>>60]
		v <<= 4
	}
	return id
}
