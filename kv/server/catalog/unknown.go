package catalog

import (
	"bytes"
	"strings"
)

// CrossProtocol recognizes an HTTP request: a web page may make a browser send
// one here, with commands in its body.
func CrossProtocol(name []byte) bool {
	return bytes.EqualFold(name, []byte("POST")) || bytes.EqualFold(name, []byte("Host:"))
}

// Unknown returns the error reply to a command that does not exist: Redis quotes
// it and the beginning of its arguments.
func Unknown(args [][]byte) string {
	var b strings.Builder
	b.WriteString("ERR unknown command '" + cut(args[0], 128) + "', with args beginning with: ")
	for list, i := 0, 1; i < len(args) && list < 128; i++ {
		quoted := "'" + cut(args[i], 128-list) + "' "
		list += len(quoted)
		b.WriteString(quoted)
	}
	return b.String()
}

// cut returns at most n bytes of b, as text.
func cut(b []byte, n int) string { return string(b[:min(len(b), n)]) }
