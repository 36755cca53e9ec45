package resp

import "math"

// Limits bound what one connection can make a Reader hold. A zero field takes
// its default.
type Limits struct {
	MaxBulk   int // bytes of one bulk string (Redis setting proto-max-bulk-len); default 512 MiB
	MaxArgs   int // arguments of one command; default 1,048,576
	MaxInline int // bytes of one inline command or length line; default 64 KiB
	MaxTotal  int // bytes one incomplete command may hold (client-query-buffer-limit); default 1 GiB

	// Unauthenticated makes the texts for MaxArgs and MaxBulk those that Redis
	// uses before AUTH.
	Unauthenticated bool
}

// BeforeAuth returns the limits for a connection that has not given its password:
// Redis's 10 arguments of 16 KiB (its answer to CVE-2021-32675), and together no more
// than a name and a password of that length, for there may be many such connections.
func BeforeAuth() Limits {
	return Limits{MaxBulk: 16 << 10, MaxArgs: 10, MaxInline: 16 << 10, MaxTotal: 40 << 10, Unauthenticated: true}
}

const (
	defaultMaxBulk = 512 << 20
	defaultMaxArgs = 1 << 20
)

func (l Limits) withDefaults() Limits {
	setDefault(&l.MaxBulk, defaultMaxBulk)
	setDefault(&l.MaxArgs, defaultMaxArgs)
	setDefault(&l.MaxInline, 64<<10)
	setDefault(&l.MaxTotal, 1<<30)
	return l
}

func setDefault(p *int, v int) {
	if *p <= 0 {
		*p = v
	}
}

// pick chooses the text for a length that is legal but beyond the limit.
func (l Limits) pick(normal, before *ProtocolError) *ProtocolError {
	if l.Unauthenticated {
		return before
	}
	return normal
}

// ProtocolError says that a peer does not speak the protocol, or more of it than
// it may. The connection cannot be used any further: reply with "ERR " and its
// text, then close.
type ProtocolError struct{ text string }

// Error returns Redis's text, such as "Protocol error: invalid bulk length".
func (e *ProtocolError) Error() string { return e.text }

// ErrTLS says that the peer began a TLS handshake where none is spoken. Redis waits
// for the end of that line; to be told at once is better.
var ErrTLS = &ProtocolError{"Protocol error: this port does not speak TLS"}

var (
	errMultibulkLength  = &ProtocolError{"Protocol error: invalid multibulk length"}
	errBulkLength       = &ProtocolError{"Protocol error: invalid bulk length"}
	errUnauthMultibulk  = &ProtocolError{"Protocol error: unauthenticated multibulk length"}
	errUnauthBulk       = &ProtocolError{"Protocol error: unauthenticated bulk length"}
	errBigCount         = &ProtocolError{"Protocol error: too big mbulk count string"}
	errBigBulkCount     = &ProtocolError{"Protocol error: too big bulk count string"}
	errBigInline        = &ProtocolError{"Protocol error: too big inline request"}
	errUnbalancedQuotes = &ProtocolError{"Protocol error: unbalanced quotes in request"}
)

func errExpectedBulk(got byte) *ProtocolError {
	return &ProtocolError{"Protocol error: expected '$', got '" + string([]byte{got}) + "'"}
}

const crlf = "\r\n"

// parseInt reads a decimal as Redis does (string2ll): an optional minus, no plus,
// no leading zero, no blank, the range of int64.
func parseInt(b []byte) (int64, bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 19 || (b[0] == '0' && (neg || len(b) > 1)) {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	switch {
	case neg && n <= math.MaxInt64+1:
		return -int64(n), true //nolint:gosec // the lowest int64 wraps onto itself
	case neg || n > math.MaxInt64:
		return 0, false
	}
	return int64(n), true
}
