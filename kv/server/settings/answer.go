package settings

import (
	"strings"

	"pingd/kv/resp/reply"
)

// AnswerGet is CONFIG GET pattern [pattern ...]; args are the words of the call.
func (t *Table) AnswerGet(w *reply.Writer, args [][]byte) {
	found := t.Match(args[2:])
	w.Map(len(found))
	for _, p := range found {
		w.Bulk(p.Name)
		w.Bulk(p.Value)
	}
}

// AnswerSet is CONFIG SET name value [name value ...].
func (t *Table) AnswerSet(w *reply.Writer, args [][]byte) {
	if len(args)%2 != 0 {
		w.Fail(reply.ErrSyntax)
		return
	}
	pairs := make([]Pair, 0, len(args)/2-1)
	for i := 2; i < len(args); i += 2 {
		pairs = append(pairs, Pair{Name: string(args[i]), Value: string(args[i+1])})
	}
	if err := t.Set(pairs); err != nil {
		w.Fail(err.Error())
		return
	}
	w.OK()
}

// AnswerHelp is CONFIG HELP.
func AnswerHelp(w *reply.Writer) {
	w.Help("CONFIG", strings.Split(strings.TrimSpace(`
GET <pattern> [<pattern> ...]
    Return the settings of this node whose names match a pattern.
SET <setting> <value> [<setting> <value> ...]
    Change settings of this node, until it ends.
RESETSTAT
    Count anew what INFO tells.
REWRITE
    Refused: there is no file to write settings to.`), "\n")...)
}
