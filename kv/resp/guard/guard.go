package guard

import (
	"bytes"
	"errors"
	"fmt"
	"net"
)

// What a reply may claim.
const (
	maxBulk  = 512<<20 + 64<<10 // bytes of a string: Redis's proto-max-bulk-len, and some
	maxArray = 4 << 20          // elements of one array
	maxDepth = 16               // of arrays within arrays
	maxLine  = 1 << 20          // bytes of a line: a status, an error or a length
)

// ErrClaim is in the chain of the error for a reply that claims too much, or whose
// length is no number.
var ErrClaim = errors.New("the other side is no Redis server, or its reply is too large")

// Guard follows a stream of RESP2 replies. The zero value stands at its beginning. Not
// safe for concurrent use.
type Guard struct {
	skip  int64           // bytes of a string, with its line end, that are still to come
	line  [16]byte        // the beginning of a line that is not whole yet
	n     int             // how much there is of it, as far as it fits
	long  int             // how much there is of it
	open  [maxDepth]int64 // of each array, how many elements are still to come
	depth int
}

// Look follows the bytes of p, which continue those before. An error, which wraps
// ErrClaim, is for ever: what comes after it means nothing.
func (g *Guard) Look(p []byte) error {
	for len(p) > 0 {
		if g.skip > 0 {
			n := min(g.skip, int64(len(p)))
			p = p[n:]
			if g.skip -= n; g.skip == 0 {
				g.whole()
			}
			continue
		}
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		g.n += copy(g.line[g.n:], part)
		if g.long += len(part); g.long > maxLine {
			return fmt.Errorf("reply %q...: %w", g.line[:g.n], ErrClaim)
		}
		if end < 0 {
			return nil
		}
		p = p[end+1:]
		line := g.line[:g.n]
		g.n, g.long = 0, 0
		if err := g.head(line); err != nil {
			return err
		}
	}
	return nil
}

// head takes the first line of a reply, cut to what can be a length.
func (g *Guard) head(line []byte) error {
	if len(line) == 0 || line[0] != '$' && line[0] != '*' {
		g.whole()
		return nil
	}
	n, ok := length(bytes.TrimSuffix(line[1:], []byte("\r")))
	array := line[0] == '*'
	switch {
	case !ok, n > maxBulk, array && (n > maxArray || n > 0 && g.depth == maxDepth):
		return fmt.Errorf("reply %q: %w", line, ErrClaim)
	case array && n > 0:
		g.open[g.depth] = n
		g.depth++
	case !array && n >= 0:
		g.skip = n + int64(len("\r\n"))
	default:
		g.whole()
	}
	return nil
}

// whole counts a reply that has ended, and the arrays that end with it.
func (g *Guard) whole() {
	for g.depth > 0 {
		if g.open[g.depth-1]--; g.open[g.depth-1] > 0 {
			return
		}
		g.depth--
	}
}

// length reads a length, -1 for null. One of more digits than any may have is none.
func length(b []byte) (int64, bool) {
	if string(b) == "-1" {
		return -1, true
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(b) > 0 && len(b) <= len("999999999")+1
}

// Conn is a connection whose replies are watched. Once one claims too much, every Read
// returns that error.
type Conn struct {
	net.Conn
	guard Guard
	err   error
}

// Watch returns conn, watched from the beginning of a reply on.
func Watch(conn net.Conn) *Conn { return &Conn{Conn: conn} }

// Read reads, and looks at what it read.
func (c *Conn) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(p)
	if c.err = c.guard.Look(p[:n]); c.err != nil {
		return 0, c.err
	}
	return n, err
}
