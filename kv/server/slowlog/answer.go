package slowlog

import (
	"strconv"

	"pingd/kv/resp/reply"
)

// AnswerGet is SLOWLOG GET [count]; args are the words of the call.
func (l *Log) AnswerGet(w *reply.Writer, args [][]byte) {
	n := 10
	if len(args) > 2 {
		var err error
		if n, err = strconv.Atoi(string(args[2])); err != nil || n < -1 {
			w.Fail("ERR count should be greater than or equal to -1")
			return
		}
	}
	if len(args) > 3 {
		w.Fail(reply.Bad("slowlog", args[1]))
		return
	}
	entries := l.Latest(n)
	w.Array(len(entries))
	for _, e := range entries {
		w.Array(6)
		w.Int(e.ID)
		w.Int(e.At.Unix())
		w.Int(e.Took.Microseconds())
		w.Strings(e.Args)
		w.Bulk(e.Addr)
		w.Bulk(e.Name)
	}
}

// AnswerHelp is SLOWLOG HELP.
func AnswerHelp(w *reply.Writer) {
	w.Help("SLOWLOG",
		"GET [<count>]",
		"    Return the latest entries (default 10, -1 = all): id, time, microseconds,",
		"    arguments, client's address, client's name.",
		"LEN",
		"    Return how many entries there are.",
		"RESET",
		"    Forget them.")
}
