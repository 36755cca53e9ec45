package counter

import "bytes"

// maxHead bounds a request's head in bytes. A visit has few fields.
const maxHead = 16 << 10

// request is what the counter wants to know of a request's head.
type request struct {
	method   string // "GET", "HEAD" or "" for any other
	path     string // "/", "/healthz" or "" for any other
	close    bool   // its client wants the connection closed after the answer
	announce bool   // its client must be told that the connection stays open (HTTP/1.0)
	body     bool   // content follows: it is not read
	keys     int    // number of Idempotency-Key fields
	key      []byte // value of the last of them; lies in the bytes parsed
}

// headError is why a request is refused, with the status to say so.
type headError struct {
	status int
	text   string
}

func (e *headError) Error() string { return e.text }

// Strict where leniency lets two readers of the same bytes see different
// requests (RFC 9112, sections 2.2, 3, 5, 6 and 11.2).
var (
	errLine     = &headError{400, "malformed request line"}
	errVersion  = &headError{505, "not HTTP/1"}
	errField    = &headError{400, "malformed header field"}
	errLineEnd  = &headError{400, "a line must end in CR LF"}
	errHost     = &headError{400, "exactly one valid Host is needed"}
	errFraming  = &headError{400, "malformed or contradictory framing"}
	errBody     = &headError{400, "a visit has no content"}
	errTooLarge = &headError{431, "the request's head is too large"}
)

// headEnd looks for the empty line that ends a head, from the beginning of a line
// on. It returns the head's length with that line, or 0 if it is not there yet,
// and then the line to go on with when more has come.
func headEnd(buf []byte, from int) (end, next int, err error) {
	for {
		i := bytes.IndexByte(buf[from:], '\n')
		switch {
		case i < 0:
			return 0, from, nil
		case i == 0 || buf[from+i-1] != '\r':
			return 0, from, errLineEnd
		case i == 1:
			return from + 2, 0, nil
		}
		from += i + 1
	}
}

// parseHead reads a whole head, as headEnd found it. Errors are of type
// *headError.
func parseHead(head []byte) (r request, err error) {
	line, rest := cutLine(head)
	old, err := r.requestLine(line)
	if err != nil {
		return r, err
	}
	var f framing
	for line, rest = cutLine(rest); len(line) > 0; line, rest = cutLine(rest) {
		if err := r.field(line, &f); err != nil {
			return r, err
		}
	}
	switch {
	case f.hosts > 1 || f.hosts == 0 && !old:
		return r, errHost
	case f.encoded && (f.lengths > 0 || old):
		return r, errFraming
	}
	r.body = f.encoded || f.length > 0
	r.close = f.close || old && !f.keep
	r.announce = old && !r.close
	return r, nil
}

// cutLine returns the first line without its CR LF, and what follows.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 {
		return nil, nil
	}
	return b[:i-1], b[i+1:]
}

// requestLine reads "GET / HTTP/1.1" (RFC 9112, section 3). old: it is HTTP/1.0.
func (r *request) requestLine(line []byte) (old bool, err error) {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	target, version, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || !token(method) || len(target) == 0 {
		return false, errLine
	}
	for _, c := range target {
		if c < 0x21 || c > 0x7e {
			return false, errLine
		}
	}
	if len(version) != 8 || string(version[:5]) != "HTTP/" || !digit(version[5]) || version[6] != '.' || !digit(version[7]) {
		return false, errLine
	}
	if version[5] != '1' {
		return false, errVersion
	}
	switch string(method) {
	case "GET":
		r.method = "GET"
	case "HEAD":
		r.method = "HEAD"
	}
	switch path(target) {
	case "/":
		r.path = "/"
	case "/healthz":
		r.path = "/healthz"
	}
	return version[7] == '0', nil
}

// path returns a target's path without its query; "" if it has none. Absolute
// form must be understood (RFC 9112, section 3.2.2).
func path(target []byte) string {
	if target[0] != '/' {
		scheme, rest, ok := bytes.Cut(target, []byte("://"))
		if !ok || !folds(scheme, "http") && !folds(scheme, "https") {
			return ""
		}
		i := bytes.IndexAny(rest, "/?")
		if i < 0 || rest[i] == '?' {
			return "/"
		}
		target = rest[i:]
	}
	target, _, _ = bytes.Cut(target, []byte{'?'})
	if len(target) > len("/healthz") {
		return "" // none that anybody asks for: not worth a copy
	}
	return string(target)
}

// framing is what the fields say about where a request ends and about its
// connection.
type framing struct {
	hosts, lengths       int
	length               int64
	encoded, close, keep bool
}

// field reads "Name: value" (RFC 9112, section 5). A folded line begins with
// space, which no name does.
func (r *request) field(line []byte, f *framing) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || !token(line[:colon]) {
		return errField
	}
	name, value := line[:colon], bytes.Trim(line[colon+1:], " \t")
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return errField
		}
	}
	switch {
	case folds(name, "host"):
		f.hosts++
		if bytes.ContainsAny(value, " \t,/?#@\\\"<>") {
			return errHost
		}
	case folds(name, "connection"):
		f.connection(value)
	case folds(name, "content-length"):
		n, ok := length(value)
		if f.lengths++; f.lengths > 1 || !ok {
			return errFraming
		}
		f.length = n
	case folds(name, "transfer-encoding"):
		f.encoded = true
	case folds(name, "idempotency-key"):
		r.keys++
		r.key = value
	}
	return nil
}

// connection reads a list of options (RFC 9110, section 7.6.1).
func (f *framing) connection(list []byte) {
	for more := true; more; {
		var option []byte
		option, list, more = bytes.Cut(list, []byte{','})
		option = bytes.Trim(option, " \t")
		f.close = f.close || folds(option, "close")
		f.keep = f.keep || folds(option, "keep-alive")
	}
}

// length reads a Content-Length: digits and nothing else.
func length(value []byte) (n int64, ok bool) {
	for _, c := range value {
		if !digit(c) {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, len(value) > 0 && len(value) <= 18 // cannot overflow
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// folds reports whether b is lower, whatever the case of its letters.
func folds(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// tchar are the characters of a token (RFC 9110, section 5.6.2).
var tchar = func() (set [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		set[c] = true
	}
	return set
}()

func token(b []byte) bool {
	for _, c := range b {
		if !tchar[c] {
			return false
		}
	}
	return len(b) > 0
}
