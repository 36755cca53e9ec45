package tracking

import (
	"strings"

	"pingd/kv/resp"
)

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// Channel is where a RESP2 connection that others redirect to gets its messages.
const Channel = "__redis__:invalidate"

// invalidate writes the message to a RESP3 connection, in the form of RESP2 as
// Client.Push has it. nil keys mean everything.
func invalidate(keys []string) []byte {
	b := append([]byte(nil), "*2\r\n$10\r\ninvalidate\r\n"...)
	if keys == nil {
		return append(b, "_\r\n"...)
	}
	return appendKeys(b, keys)
}

// channelMessage writes the message to a RESP2 connection. Redis writes the null
// in the protocol of the one who asked, resp3 or not, and so do we.
func channelMessage(keys []string, resp3 bool) []byte {
	b := append([]byte(nil), "*3\r\n$7\r\nmessage\r\n"...)
	b = resp.AppendBulkString(b, Channel)
	switch {
	case keys != nil:
		return appendKeys(b, keys)
	case resp3:
		return append(b, "_\r\n"...)
	}
	return append(b, "$-1\r\n"...)
}

func appendKeys(b []byte, keys []string) []byte {
	b = resp.AppendArray(b, len(keys))
	for _, k := range keys {
		b = resp.AppendBulkString(b, k)
	}
	return b
}

// redirectBroken tells a RESP3 connection that the one it redirects to is gone.
func redirectBroken(id int64) []byte {
	b := append([]byte(nil), "*2\r\n$21\r\ntracking-redir-broken\r\n"...)
	return resp.AppendInt(b, id)
}
