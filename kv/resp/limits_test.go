package resp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

// command encodes words as a client does.
func command(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

// Before AUTH a name and a password of the greatest length fit, and not much more.
func TestWhatAStrangerMayHold(t *testing.T) {
	long := strings.Repeat("x", 16<<10)
	ten := make([]string, 10)
	for i := range ten {
		ten[i] = long
	}
	for name, c := range map[string]struct {
		send string
		want error
	}{
		"longest login":   {command("AUTH", long, long), nil},
		"longest hello":   {command("HELLO", "3", "AUTH", long, long, "SETNAME", "shop"), nil},
		"ten long words":  {command(ten...), ErrTooLarge},
		"a line, no end":  {strings.Repeat("x", 1<<20), errBigInline},
		"a long password": {command("AUTH", long+"x"), errUnauthBulk},
	} {
		for pieces, r := range map[string]*Reader{
			"whole":     NewReader(strings.NewReader(c.send), BeforeAuth()),
			"in halves": NewReader(iotest.HalfReader(strings.NewReader(c.send)), BeforeAuth()),
		} {
			args, err := r.ReadCommand()
			if !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v, want %v", name, pieces, err, c.want)
			}
			if err == nil && strings.Count(c.send, "$") != len(args) {
				t.Errorf("%s, %s: %d words", name, pieces, len(args))
			}
			if held := len(r.buf); held > 128<<10 {
				t.Errorf("%s, %s: holds %d bytes", name, pieces, held)
			}
		}
	}
}
