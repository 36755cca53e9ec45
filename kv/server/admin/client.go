package admin

import (
	"strings"

	"pingd/kv/resp/reply"
)

// ClientHelp is CLIENT HELP.
func ClientHelp(w *reply.Writer) {
	w.Help("CLIENT", strings.Split(strings.TrimSpace(`
CACHING (YES|NO)
    Cache, or do not, the keys of the next command (see TRACKING).
GETNAME
    Return the name of the connection.
GETREDIR
    Return whom invalidation messages go to.
ID
    Return the number of the connection.
INFO
    Describe the connection.
KILL <ip:port>
    Close the connection from an address.
KILL <option> <value> [<option> <value> ...]
    Close connections. Options: ADDR, LADDR, TYPE, USER, ID, SKIPME.
LIST [TYPE <type> | ID <id> [<id> ...]]
    Describe the connections of this node.
NO-EVICT (ON|OFF)
NO-TOUCH (ON|OFF)
    Stored and shown: nothing is evicted here.
PAUSE <milliseconds> [WRITE|ALL]
    Hold commands back for a while.
REPLY (ON|OFF|SKIP)
    Choose whether commands are answered.
SETINFO (LIB-NAME|LIB-VER) <value>
    Tell the client library.
SETNAME <name>
    Name the connection.
TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]
    Tell the connection when a key that it has read changes, on any node.
TRACKINGINFO
    Return what TRACKING has set.
UNBLOCK <id> [TIMEOUT|ERROR]
    End the wait of a connection.
UNPAUSE
    End a pause.`), "\n")...)
}
