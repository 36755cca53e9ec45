package guard

import (
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// look shows a guard text, in pieces of n bytes.
func look(text string, n int) (Guard, error) {
	var g Guard
	for len(text) > 0 {
		piece := text[:min(n, len(text))]
		text = text[len(piece):]
		if err := g.Look([]byte(piece)); err != nil {
			return g, err
		}
	}
	return g, nil
}

// TestLook gives what passes and what does not, whole and in pieces: after whole
// replies the guard stands at the beginning again.
func TestLook(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("*1\r\n", n) + ":1\r\n" }
	for text, fine := range map[string]bool{
		"":                             true,
		"+OK\r\n":                      true,
		"-ERR $99999999999\r\n":        true, // a text
		":99999999999999999999\r\n":    true, // no length
		"+*99999999999\r\n$1\r\nx\r\n": true,
		"$-1\r\n*-1\r\n":               true,
		"$0\r\n\r\n*0\r\n":             true,
		"$14\r\n*99999999999\r\n\r\n":  true, // within a string
		"*2\r\n$12\r\n$99999999999\r\n*1\r\n+x\r\n": true,
		nested(maxDepth):                         true,
		nested(maxDepth) + nested(maxDepth):      true,
		"*2\r\n*0\r\n" + nested(maxDepth-1):      true,
		"+" + strings.Repeat("x", 5000) + "\r\n": true,

		"+" + strings.Repeat("x", maxLine+1):              false, // and no end
		"*1\r\n-" + strings.Repeat("x", maxLine) + "\r\n": false,
		nested(maxDepth + 1):                              false,
		"$999999999999\r\n":                               false,
		"$4294967296\r\n":                                 false,
		"*4294967296\r\n":                                 false,
		"*5000000\r\n":                                    false,
		"$600000000\r\n":                                  false,
		"$-2\r\n":                                         false,
		"$\r\n":                                           false,
		"*x\r\n":                                          false,
		"$1x\r\n":                                         false,
		"$+1\r\n":                                         false,
		"$00000000000000000001\r\n":                       false,
		"$18446744073709551617\r\n":                       false, // 1, where it runs over
		"*1\r\n$1\r\nx\r\n*99999999999\r\n":               false,
	} {
		for _, n := range []int{1, 2, 3, 7, 1 << 20} {
			if n < 7 && len(text) > maxLine {
				continue // it would take long
			}
			g, err := look(text, n)
			if (err == nil) != fine || err != nil && !errors.Is(err, ErrClaim) {
				t.Errorf("%.60q in pieces of %d: %v", text, n, err)
			}
			if fine && (g.depth != 0 || g.skip != 0 || g.n != 0) {
				t.Errorf("%.60q in pieces of %d: it stands at %+v", text, n, g)
			}
		}
	}
}

// TestWatch reads through a connection: what is fine passes as it is, and an error stays.
func TestWatch(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	const fine, bad = "*1\r\n$5\r\nhello\r\n", "$999999999999\r\n"
	go func() {
		_, _ = io.WriteString(theirs, fine)
		_, _ = io.WriteString(theirs, bad)
		_ = theirs.Close()
	}()
	c := Watch(ours)
	got := make([]byte, len(fine))
	if _, err := io.ReadFull(iotest.OneByteReader(c), got); err != nil || string(got) != fine {
		t.Fatalf("%q, %v", got, err)
	}
	for range 2 {
		if n, err := c.Read(make([]byte, 100)); n != 0 || !errors.Is(err, ErrClaim) {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

var large = regexp.MustCompile(`\d{4}`)

// FuzzLook shows the guard and the client library the same: what passes, the library
// reads without reserving much more than came; pieces change nothing.
func FuzzLook(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nabc\r\n:1\r\n+OK\r\n"), 3)
	f.Add([]byte("*1\r\n*-1\r\n$-1\r\n-ERR x\r\n"), 1)
	f.Add([]byte("$999999999999\r\n"), 2)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		n = max(n, 1)
		whole, err := look(string(text), len(text)+1)
		pieces, again := look(string(text), n)
		if (err == nil) != (again == nil) || err == nil && whole != pieces {
			t.Fatalf("whole %+v %v, in pieces of %d %+v %v", whole, err, n, pieces, again)
		}
		// A claim that passes and is large is not for a test: it is the guard's bound.
		if !large.Match(text) {
			ours, theirs := net.Pipe()
			go func() { _, _ = theirs.Write(text); _ = theirs.Close() }()
			c := redis.NewConn(Watch(ours), 0, 0)
			for range 20 {
				if _, err := c.Receive(); err != nil {
					break
				}
			}
			_ = c.Close()
		}
	})
}
