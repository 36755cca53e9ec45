package http1

// Response is a parsed response head. The zero value, or one after Reset, is
// ready for Parse.
type Response struct {
	head

	// Status is the three-digit status code.
	Status int
}

// Reset prepares r for the next response under lim.
func (r *Response) Reset(lim Limits) {
	r.head.reset(lim, true)
	r.Status = 0
}

// Parse reads a response head from the start of buf, like Request.Parse. Every
// Error has status 502.
func (r *Response) Parse(buf []byte) (int, *Error) {
	if r.lim.Head == 0 {
		r.Reset(Limits{})
	}
	if !r.started {
		// Refused early, so that garbage without a line end is not waited for.
		if n := min(len(buf), 7); string(buf[:n]) != "HTTP/1."[:n] {
			return 0, errStatusLine
		}
		s, ok, err := r.line(buf)
		if !ok || err != nil {
			return 0, err
		}
		r.first, r.started = s, true
		if err := r.parseLine(s.of(buf)); err != nil {
			return 0, err
		}
	}
	done, err := r.parseFields(buf)
	if !done || err != nil {
		return 0, err
	}
	switch {
	case r.chunked && r.minor == 0:
		return 0, faultCoding10.response
	case r.chunked && r.length >= 0:
		return 0, faultBoth.response
	}
	return r.bodyAt, nil
}

// parseLine reads HTTP-version SP status-code [ SP reason ]. The space after
// the code is required by the grammar and left out by many; nothing follows
// from it.
func (r *Response) parseLine(line []byte) *Error {
	if len(line) < 12 || line[8] != ' ' {
		return errStatusLine
	}
	minor, ok := version(line[:8])
	if !ok || !all(line[9:12], isDigit) || line[9] == '0' {
		return errStatusLine
	}
	if len(line) > 12 && (line[12] != ' ' || !all(line[13:], isValue)) {
		return errStatusLine
	}
	r.minor = minor
	r.Status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	return nil
}

// Body tells how the body of a response to method ends (RFC 9112 section 6.3);
// n is its length when kind is Length. 101 is the caller's to treat.
func (r *Response) Body(method Method) (kind BodyKind, n int64) {
	switch {
	case method == HEAD, r.Status < 200, r.Status == 204, r.Status == 304:
		return NoBody, 0
	case r.chunked:
		return ChunkedBody, 0
	case r.length == 0:
		return NoBody, 0
	case r.length > 0:
		return Length, r.length
	}
	return UntilClose, 0
}

// KeepAlive reports whether the backend lets the connection go on.
func (r *Response) KeepAlive() bool {
	return !r.close && (r.minor > 0 || r.keepAlive)
}
