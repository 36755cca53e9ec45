package pause

import (
	"strconv"
	"strings"
	"time"

	"pingd/kv/resp/reply"
)

// Command is CLIENT PAUSE milliseconds [WRITE|ALL]; args are the words of the call.
func (p *Pause) Command(w *reply.Writer, args [][]byte) {
	ms, err := strconv.ParseInt(string(args[2]), 10, 64)
	all := true
	if len(args) == 4 {
		switch strings.ToUpper(string(args[3])) {
		case "WRITE":
			all = false
		case "ALL":
		default:
			w.Fail("ERR CLIENT PAUSE mode must be WRITE or ALL")
			return
		}
	}
	switch {
	case len(args) > 4:
		w.Fail(reply.ErrSyntax)
	case err != nil:
		w.Fail("ERR timeout is not an integer or out of range")
	case ms < 0:
		w.Fail("ERR timeout is negative")
	default:
		ms = min(ms, int64(24*time.Hour/time.Millisecond))
		p.Set(time.Now().Add(time.Duration(ms)*time.Millisecond), all)
		w.OK()
	}
}
