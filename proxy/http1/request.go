package http1

import "bytes"

// Method is a request method that the proxy treats in its own way.
type Method uint8

// The methods of RFC 9110 section 9 and PATCH (RFC 5789). Everything else,
// valid as it may be, is MethodOther.
const (
	MethodOther Method = iota
	GET
	HEAD
	POST
	PUT
	DELETE
	OPTIONS
	TRACE
	PATCH
)

// Idempotent reports whether sending the request twice means the same as
// sending it once (RFC 9110 section 9.2.2), so that a proxy may repeat it.
func (m Method) Idempotent() bool {
	switch m {
	case GET, HEAD, PUT, DELETE, OPTIONS, TRACE:
		return true
	}
	return false
}

// Request is a parsed request head. The zero value, or one after Reset, is
// ready for Parse.
type Request struct {
	head

	// Method is known once Parse returned n > 0.
	Method Method
	// Expect100 is set when a 1.1 client waits for 100 Continue.
	Expect100 bool

	method    span
	target    span // as received
	path      span // origin-form part of target; empty means "/"
	authority span // of an absolute-form target
	absolute  bool
	hostAt    int // index of the Host field, -1 when there is none
	empty     int // blank lines before the request line

	maxForwards int // of OPTIONS and TRACE, -1 when it says nothing
}

// Reset prepares r for the next request under lim.
func (r *Request) Reset(lim Limits) {
	r.head.reset(lim, false)
	r.Method, r.Expect100, r.absolute = MethodOther, false, false
	r.path, r.authority, r.hostAt, r.empty, r.maxForwards = span{}, span{}, -1, 0, -1
}

// Parse reads a request head from the start of buf. It returns the head's
// length once it is complete, 0 when more bytes are needed, or an Error. A
// later call must see the same bytes again with more behind them; lines already
// parsed are not parsed again.
func (r *Request) Parse(buf []byte) (int, *Error) {
	if r.lim.Head == 0 {
		r.Reset(Limits{})
	}
	if !r.started {
		if ok, err := r.start(buf); !ok || err != nil {
			return 0, err
		}
	}
	done, err := r.parseFields(buf)
	if !done || err != nil {
		return 0, err
	}
	if err := r.finish(buf); err != nil {
		return 0, err
	}
	return r.bodyAt, nil
}

// start finds and parses the request line.
func (r *Request) start(buf []byte) (bool, *Error) {
	for {
		// Refused at the first byte: a TLS hello or binary noise has no line
		// end, and its sender should not have to wait for the time limit.
		if r.pos < len(buf) && buf[r.pos] != '\r' && class[buf[r.pos]]&isToken == 0 {
			return false, errRequestLine
		}
		s, ok, err := r.line(buf)
		if err == faultTooLong.request {
			return false, r.tooLong(buf)
		}
		if !ok || err != nil {
			// The longest method and version leave little beside the target.
			if err == nil && len(buf)-r.pos > r.lim.Target+64 && r.tooLong(buf) == errTargetLong {
				return false, errTargetLong
			}
			return false, err
		}
		if s.from == s.to {
			// RFC 9112 section 2.2: some clients end a body with a stray CRLF.
			if r.empty++; r.empty > 8 {
				return false, errRequestLine
			}
			continue
		}
		r.first, r.started = s, true
		return true, r.parseLine(buf)
	}
}

// tooLong picks 414 when it is the request line that does not end.
func (r *Request) tooLong(buf []byte) *Error {
	if bytes.IndexByte(buf[r.pos:], ' ') >= 0 {
		return errTargetLong
	}
	return faultTooLong.request
}

func (r *Request) parseLine(buf []byte) *Error {
	line := r.first.of(buf)
	sp := bytes.IndexByte(line, ' ')
	end := bytes.LastIndexByte(line, ' ')
	if sp <= 0 || end == sp {
		return errRequestLine
	}
	if !all(line[:sp], isToken) {
		return errMethod
	}
	if err := r.parseVersion(line[end+1:]); err != nil {
		return err
	}
	target := line[sp+1 : end]
	if len(target) > r.lim.Target {
		return errTargetLong
	}
	if !all(target, isTarget) {
		return errTarget
	}
	base := r.first.from
	r.method = span{base, base + uint16(sp)}
	r.target = span{base + uint16(sp) + 1, base + uint16(end)}
	if string(line[:sp]) == "CONNECT" {
		return errConnect
	}
	r.Method = methodOf(line[:sp])
	return r.parseTarget(target)
}

func (r *Request) parseVersion(v []byte) *Error {
	minor, err := version(v)
	switch {
	case !err:
		return errRequestLine
	case v[5] != '1':
		return errVersion
	}
	r.minor = minor
	return nil
}

// version reads "HTTP/" DIGIT "." DIGIT (RFC 9112 section 2.3).
func version(v []byte) (minor uint8, ok bool) {
	if len(v) != 8 || string(v[:5]) != "HTTP/" || v[6] != '.' ||
		class[v[5]]&isDigit == 0 || class[v[7]]&isDigit == 0 {
		return 0, false
	}
	return min(v[7]-'0', 1), true
}

// finish checks what only the whole head can tell.
func (r *Request) finish(buf []byte) *Error {
	for i := range r.fields[:r.count] {
		f := &r.fields[i]
		switch f.id {
		case nameHost:
			if r.hostAt >= 0 {
				return errTwoHosts
			}
			if !validHost(f.value.of(buf)) {
				return errHost
			}
			r.hostAt = i
		case nameMaxForwards:
			if err := r.noteMaxForwards(f.value.of(buf)); err != nil {
				return err
			}
		case nameExpect:
			r.Expect100 = r.minor > 0 && bytes.EqualFold(f.value.of(buf), []byte("100-continue"))
		}
	}
	switch {
	case r.hostAt < 0 && r.minor > 0:
		return errNoHost
	case r.chunked && r.minor == 0:
		return faultCoding10.request
	case r.chunked && r.length >= 0:
		return faultBoth.request
	case r.Method == TRACE && (r.chunked || r.length > 0): // RFC 9110 section 9.3.8
		return errTraceBody
	}
	return nil
}

// noteMaxForwards reads the field where it means something (RFC 9110 section
// 7.6.2).
func (r *Request) noteMaxForwards(value []byte) *Error {
	if r.Method != OPTIONS && r.Method != TRACE {
		return nil
	}
	n, ok := parseLength(value)
	if !ok || r.maxForwards >= 0 {
		return errMaxForwards
	}
	r.maxForwards = int(min(n, 1<<30))
	return nil
}

// Last reports whether the request must not be forwarded: its Max-Forwards is 0,
// and whoever reads it answers it.
func (r *Request) Last() bool { return r.maxForwards == 0 }

// Body tells how the request's body ends; n is its length when kind is Length.
func (r *Request) Body() (kind BodyKind, n int64) {
	switch {
	case r.chunked:
		return ChunkedBody, 0
	case r.length > 0:
		return Length, r.length
	}
	return NoBody, 0
}

// Minor is the minor HTTP version: 0 or 1, higher ones count as 1.
func (r *Request) Minor() int { return int(r.minor) }

// KeepAlive reports whether the client lets the connection go on (RFC 9112
// section 9.3).
func (r *Request) KeepAlive() bool {
	return !r.close && (r.minor > 0 || r.keepAlive)
}

// MethodBytes returns the method as received.
func (r *Request) MethodBytes(buf []byte) []byte { return r.method.of(buf) }

// Target returns the request target as received.
func (r *Request) Target(buf []byte) []byte { return r.target.of(buf) }

// Host returns the host that the request is for: the target's own authority
// when it has one (RFC 9112 section 3.2.2), else the Host field, else nothing.
func (r *Request) Host(buf []byte) []byte {
	if r.absolute {
		return r.authority.of(buf)
	}
	if r.hostAt >= 0 {
		return r.fields[r.hostAt].value.of(buf)
	}
	return nil
}

// IdempotencyKey returns the client's own Idempotency-Key, or nil.
func (r *Request) IdempotencyKey(buf []byte) []byte {
	v, _ := r.value(buf, nameIdempotencyKey)
	return v
}

// RequestID returns the client's own X-Request-Id, or nil.
func (r *Request) RequestID(buf []byte) []byte {
	v, _ := r.value(buf, nameRequestID)
	return v
}

// Upgrade returns the protocols that the client asks to switch to, or nil when
// it does not ask properly. HTTP/1.0 cannot ask (RFC 9110 section 7.8), a
// request with a body is not switched, and h2c is never passed on (RFC 9113
// section 3.1).
func (r *Request) Upgrade(buf []byte) []byte {
	if !r.upgrade || r.upgradeTo < 0 || r.minor == 0 || r.chunked || r.length > 0 {
		return nil
	}
	var first []byte
	for i := range r.fields[:r.count] {
		if r.fields[i].id != nameUpgrade {
			continue
		}
		v := r.fields[i].value.of(buf)
		if first == nil {
			first = v
		}
		for more := true; more; {
			var token []byte
			token, v, more = nextToken(v)
			if bytes.EqualFold(token, []byte("h2c")) {
				return nil
			}
		}
	}
	if len(first) == 0 {
		return nil
	}
	return first
}

func methodOf(b []byte) Method {
	switch string(b) {
	case "GET":
		return GET
	case "HEAD":
		return HEAD
	case "POST":
		return POST
	case "PUT":
		return PUT
	case "DELETE":
		return DELETE
	case "OPTIONS":
		return OPTIONS
	case "TRACE":
		return TRACE
	case "PATCH":
		return PATCH
	}
	return MethodOther
}
