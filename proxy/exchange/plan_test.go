package exchange

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pingd/proxy/http1"
	"pingd/proxy/sticky"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// parsed returns a request with these further fields, and what it was parsed from.
func parsed(t *testing.T, fields string) (*http1.Request, []byte) {
	t.Helper()
	raw := []byte("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n")
	var r http1.Request
	if n, err := r.Parse(raw); n != len(raw) || err != nil {
		t.Fatal(n, err)
	}
	return &r, raw
}

// routed is a Router that does what its test says.
type routed func(q *Query, p *Plan)

func (f routed) Route(q *Query, p *Plan) { f(q, p) }

// TestRequestID: only a proxy of our own may give a request its id, and only one
// that can be in a log and a header; every other request gets one of its own.
func TestRequestID(t *testing.T) {
	nowhere := routed(func(*Query, *Plan) {})
	ids := NewIDs()
	for _, c := range []struct {
		name, fields  string
		trusted, none bool
		want          string // "": a new one
	}{
		{name: "none given"},
		{name: "of a stranger", fields: "X-Request-Id: abc\r\n"},
		{name: "of a proxy of ours", fields: "X-Request-Id: abc\r\n", trusted: true, want: "abc"},
		{name: "as long as may be", fields: "X-Request-Id: " + strings.Repeat("a", maxID) + "\r\n", trusted: true, want: strings.Repeat("a", maxID)},
		{name: "too long", fields: "X-Request-Id: " + strings.Repeat("a", maxID+1) + "\r\n", trusted: true},
		{name: "with a space", fields: "X-Request-Id: a b\r\n", trusted: true},
		{name: "with a quote", fields: "X-Request-Id: a\"b\r\n", trusted: true},
		{name: "empty", fields: "X-Request-Id:\r\n", trusted: true},
		{name: "not wanted", fields: "X-Request-Id: abc\r\n", trusted: true, none: true, want: "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Router: nowhere, NoRequestID: c.none}.WithDefaults()
			r, raw := parsed(t, c.fields)
			var p Plan
			var rec Record
			p.Make(&cfg, &ids, &Query{Request: r, Buf: raw, Trusted: c.trusted}, &rec)
			got := string(rec.ID)
			switch {
			case c.want == "-" && got == "", c.want != "" && got == c.want:
			case c.want == "" && len(got) == idLen && strings.Trim(got, "0123456789abcdef") == "":
			default:
				t.Errorf("id %q", got)
			}
			var f http1.Forward
			p.Forward(&f)
			if string(f.RequestID) != got || f.Proto != "" {
				t.Errorf("forwarded %q with proto %q", f.RequestID, f.Proto)
			}
			p.Forget()
			a := Answer{}
			p.Dress(&a, ErrNoService)
			if len(a.RequestID) > 0 {
				t.Errorf("an answer to no request carries %q", a.RequestID)
			}
		})
	}
}

// TestIDsDiffer: no two requests have the same id, whoever made it.
func TestIDsDiffer(t *testing.T) {
	a, b := NewIDs(), NewIDs()
	seen := map[[idLen]byte]bool{}
	for range 10_000 {
		for _, ids := range []*IDs{&a, &b} {
			id := ids.next()
			if seen[id] {
				t.Fatalf("%s twice", id[:])
			}
			seen[id] = true
		}
	}
}

// TestMakeForgets: nothing of the request before is left in a plan.
func TestMakeForgets(t *testing.T) {
	set := upstream.NewSet(upstream.Config{})
	full := routed(func(_ *Query, p *Plan) {
		p.Set, p.Service, p.Cookie, p.HandOver = set, "shop", "C", true
		p.Want.Key = 7
		p.Location, p.RetryAfter, p.Text = "/l", 3, "text"
	})
	r, raw := parsed(t, "")
	ids := NewIDs()
	var p Plan
	var rec Record
	cfg := Config{Router: full}.WithDefaults()
	p.Make(&cfg, &ids, &Query{Request: r, Buf: raw, Secure: true}, &rec)
	var f http1.Forward
	p.Forward(&f)
	if p.Set != set || rec.Service != "shop" || f.Proto != "https" {
		t.Errorf("%+v, proto %q", p, f.Proto)
	}
	cfg.Router = routed(func(*Query, *Plan) {})
	p.Make(&cfg, &ids, &Query{Request: r, Buf: raw}, &rec)
	if p.Set != nil || p.Service != "" || p.Cookie != "" || p.HandOver || p.Want.Key != 0 || p.Location != "" || p.RetryAfter != 0 || p.Text != "" {
		t.Errorf("left of the request before: %+v", p)
	}
	if p.Own != ErrNoService || rec.Service != "" {
		t.Errorf("a request for nobody is answered with %v", p.Own)
	}
	f = http1.Forward{}
	if p.Forward(&f); f.Proto != "" {
		t.Errorf("proto %q", f.Proto)
	}
}

// TestOnlySet: To sends everything to one set, and hands over what plain HTTP/1.1
// cannot do.
func TestOnlySet(t *testing.T) {
	for value, special := range map[string]bool{"10.0.0.1:80": false, "10.0.0.1:80 proto=h2": true, "10.0.0.1:80 send-proxy=v2": true} {
		b, err := upstream.Parse("", value)
		if err != nil {
			t.Fatal(err)
		}
		set := upstream.NewSet(upstream.Config{})
		set.Update([]upstream.Backend{b})
		for _, plain := range []bool{false, true} {
			var p Plan
			To(set).Route(&Query{Plain: plain}, &p)
			if p.Set != set || p.HandOver != (special && plain) {
				t.Errorf("%s, plain %v: handed over %v", value, plain, p.HandOver)
			}
		}
	}
}

// TestCookieOfReply: a client is told of its server once, not with each answer.
func TestCookieOfReply(t *testing.T) {
	set := upstream.NewSet(upstream.Config{})
	b, err := upstream.Parse("", "10.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	set.Update([]upstream.Backend{b})
	server := set.Servers()[0]
	for _, c := range []struct {
		name, cookie string
		prefers      *upstream.Server
		secure, want bool
	}{
		{name: "no cookie wanted"},
		{name: "first visit", cookie: "S", want: true},
		{name: "first visit over TLS", cookie: "S", secure: true, want: true},
		{name: "known already", cookie: "S", prefers: server},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Plan{Cookie: c.cookie, secure: c.secure}
			p.Want.Prefer = c.prefers
			var reply http1.Reply
			memory := make([]byte, 0, 200)
			memory = p.Reply(&reply, &Record{Server: server}, memory)
			want := ""
			if c.want {
				want = string(sticky.AppendField(nil, c.cookie, server.Mark(), c.secure))
			}
			if string(reply.Extra) != want || cap(memory) == 0 {
				t.Errorf("%q, want %q", reply.Extra, want)
			}
			if c.want && strings.Contains(want, "Secure") != c.secure {
				t.Errorf("%q with TLS %v", want, c.secure)
			}
		})
	}
}

// TestDressedAnswers: what a router adds goes with its own answer and no other.
func TestDressedAnswers(t *testing.T) {
	own := &http1.Error{Status: 308, Reason: "elsewhere"}
	p := Plan{Own: own, Location: "https://h/", RetryAfter: 9, Text: "token", id: []byte("id1")}
	for _, e := range []*http1.Error{own, ErrNoServer} {
		a := Answer{Status: e.Status, Reason: e.Reason, Date: []byte("d"), Minor: 1}
		p.Dress(&a, e)
		text := string(a.Append(nil))
		if mine := e == own; strings.Contains(text, "Location: https://h/\r\n") != mine || strings.HasSuffix(text, "\r\n\r\ntoken") != mine ||
			strings.Contains(text, "Retry-After: 9\r\n") != mine || !strings.Contains(text, "X-Request-Id: id1\r\n") {
			t.Errorf("%s", text)
		}
	}
}

// TestFails: the first attempts that failed are kept, the rest counted.
func TestFails(t *testing.T) {
	var r Record
	for i := range 6 {
		r.Fail(1, wire.Instant(i+1))
	}
	if r.FailedCount != 6 || r.Failed[0].At != 1 || r.Failed[3].At != 4 {
		t.Errorf("%d failed, the first at %v, the last kept at %v", r.FailedCount, r.Failed[0].At, r.Failed[3].At)
	}
}

func TestNetworks(t *testing.T) {
	c := Config{
		Announced: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Trusted:   []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fd00::/8")},
	}
	for addr, want := range map[string][2]bool{
		"10.1.1.1": {true, false}, "192.168.1.1": {false, true}, "fd00::1": {false, true}, "fe80::1": {false, false}, "8.8.8.8": {false, false},
	} {
		a := netip.MustParseAddr(addr)
		if got := [2]bool{c.Announces(a), c.Trusts(a)}; got != want {
			t.Errorf("%s: announced and trusted %v, want %v", addr, got, want)
		}
	}
}

// TestPause: between half of what a connection may take and all of it, a second at
// most.
func TestPause(t *testing.T) {
	most := func(n int64) int64 { return n - 1 }
	least := func(int64) int64 { return 0 }
	for connect, want := range map[time.Duration][2]time.Duration{
		5 * time.Second:        {500 * time.Millisecond, time.Second},
		100 * time.Millisecond: {50 * time.Millisecond, 100 * time.Millisecond},
	} {
		timeouts := Timeouts{Connect: connect}
		if got := []time.Duration{timeouts.Pause(least), timeouts.Pause(most)}; !slices.Equal(got, want[:]) {
			t.Errorf("%v: %v, want %v", connect, got, want)
		}
	}
}
