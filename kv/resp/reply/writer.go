package reply

import (
	"strings"

	"pingd/kv/resp"
)

// Writer collects the replies of one connection. Its zero value appends RESP2 to
// nothing once Proto is set; it is for one goroutine.
type Writer struct {
	Out   []byte
	Proto uint8 // resp.RESP2 or resp.RESP3

	// Failed, unless nil, hears the text of each error reply.
	Failed func(text string)
}

// Fail appends an error reply. text begins with its code.
func (w *Writer) Fail(text string) {
	if w.Failed != nil {
		w.Failed(text)
	}
	w.Out = resp.AppendError(w.Out, text)
}

// OK appends the status OK.
func (w *Writer) OK() { w.Out = append(w.Out, "+OK\r\n"...) }

// Status appends a simple string.
func (w *Writer) Status(s string) { w.Out = resp.AppendStatus(w.Out, s) }

// Int appends an integer.
func (w *Writer) Int(n int64) { w.Out = resp.AppendInt(w.Out, n) }

// Bulk appends a bulk string.
func (w *Writer) Bulk(s string) { w.Out = resp.AppendBulkString(w.Out, s) }

// Bytes appends a bulk string.
func (w *Writer) Bytes(b []byte) { w.Out = resp.AppendBulk(w.Out, b) }

// Array appends the head of an array of n replies.
func (w *Writer) Array(n int) { w.Out = resp.AppendArray(w.Out, n) }

// Map appends the head of a map of n pairs.
func (w *Writer) Map(n int) { w.Out = resp.AppendMap(w.Out, w.Proto, n) }

// Set appends the head of a set of n members.
func (w *Writer) Set(n int) { w.Out = resp.AppendSet(w.Out, w.Proto, n) }

// Push appends the head of an out-of-band message of n elements.
func (w *Writer) Push(n int) { w.Out = resp.AppendPush(w.Out, w.Proto, n) }

// Null appends the null.
func (w *Writer) Null() { w.Out = resp.AppendNull(w.Out, w.Proto) }

// Verbatim appends text meant for people.
func (w *Writer) Verbatim(text string) { w.Out = resp.AppendVerbatim(w.Out, w.Proto, text) }

// Strings appends an array of bulk strings.
func (w *Writer) Strings(list []string) {
	w.Array(len(list))
	for _, s := range list {
		w.Bulk(s)
	}
}

// Statuses appends a set of simple strings.
func (w *Writer) Statuses(list []string) {
	w.Set(len(list))
	for _, s := range list {
		w.Status(s)
	}
}

// Help appends the reply to a container command's HELP: the lines of its
// subcommands between those that Redis has in common.
func (w *Writer) Help(command string, lines ...string) {
	w.Array(len(lines) + 3)
	w.Status(command + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, l := range lines {
		w.Status(l)
	}
	w.Status("HELP")
	w.Status("    Prints this help.")
}

// Error texts that several commands share.
const (
	ErrSyntax = "ERR syntax error"
	ErrNotInt = "ERR value is not an integer or out of range"
)

// maxQuoted bounds what an error repeats of a client's words.
const maxQuoted = 128

// Cut returns at most 128 bytes of b, for an error text to quote.
func Cut(b []byte) string { return string(b[:min(len(b), maxQuoted)]) }

// WrongArity is the error about the number of words of a command, or of a
// container command and its subcommand joined by |.
func WrongArity(name string) string {
	return "ERR wrong number of arguments for '" + name + "' command"
}

// UnknownSubcommand is the error about the second word of a container command.
func UnknownSubcommand(container string, sub []byte) string {
	return "ERR unknown subcommand '" + Cut(sub) + "'. Try " + strings.ToUpper(container) + " HELP."
}

// Bad is the error about a subcommand's words that Redis words so where it
// expects one of several forms.
func Bad(container string, sub []byte) string {
	return "ERR unknown subcommand or wrong number of arguments for '" + Cut(sub) + "'. Try " +
		strings.ToUpper(container) + " HELP."
}

// Unknown is the error about a command that does not exist: Redis quotes it and
// the beginning of its arguments.
func Unknown(args [][]byte) string {
	var b strings.Builder
	b.WriteString("ERR unknown command '" + Cut(args[0]) + "', with args beginning with: ")
	for list, i := 0, 1; i < len(args) && list < maxQuoted; i++ {
		quoted := "'" + string(args[i][:min(len(args[i]), maxQuoted-list)]) + "' "
		list += len(quoted)
		b.WriteString(quoted)
	}
	return b.String()
}
