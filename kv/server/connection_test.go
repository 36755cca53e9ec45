package server

import (
	"io"
	"strings"
	"testing"
)

const unknownFoo = "-ERR unknown command 'foo', with args beginning with: 'a' 'b' \r\n"

// exchange is what a client sends and the exact bytes of the answer.
type exchange struct{ send, want string }

func run(t *testing.T, p *peer, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		t.Log(e.send)
		p.talk(e.send, e.want)
	}
}

func TestConnectionCommands(t *testing.T) {
	run(t, start(t, nil).dial(), []exchange{
		{"PING", "+PONG\r\n"},
		{"ping hello", "$5\r\nhello\r\n"},
		{"PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"},
		{"ECHO \"a b\"", "$3\r\na b\r\n"},
		{"ECHO", "-ERR wrong number of arguments for 'echo' command\r\n"},
		{"foo a b", unknownFoo},
		{"SET k v", "+OK\r\n"},
		{"SELECT 1", "+OK\r\n"},
		{"GET k", "$-1\r\n"},
		{"SELECT 16", "-ERR DB index is out of range\r\n"},
		{"SELECT x", "-ERR value is not an integer or out of range\r\n"},
		{"SELECT 0", "+OK\r\n"},
		{"GET k", "$1\r\nv\r\n"},
		{"GET", "-ERR wrong number of arguments for 'get' command\r\n"},
		{"CLIENT GETNAME", "$-1\r\n"},
		{"CLIENT SETNAME me", "+OK\r\n"},
		{"CLIENT GETNAME", "$2\r\nme\r\n"},
		{"CLIENT SETNAME \"a b\"", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"},
		{"CLIENT SETINFO LIB-NAME x", "+OK\r\n"},
		{"CLIENT SETINFO LIB-FOO x", "-ERR Unrecognized option 'LIB-FOO'\r\n"},
		{"CLIENT ID", ":1\r\n"},
		{"CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"},
		{"CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command\r\n"},
		{"CLIENT NO-EVICT on", "+OK\r\n"},
		{"CLIENT NO-TOUCH maybe", "-ERR syntax error\r\n"},
		{"CLIENT UNBLOCK 7", ":0\r\n"},
		{"CLIENT GETREDIR", ":-1\r\n"},
		{"CLIENT TRACKINGINFO", "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n"},
		{"READONLY", "+OK\r\n"},
		{"GET k", "$1\r\nv\r\n"},
		{"READWRITE", "+OK\r\n"},
		{"RESET", "+RESET\r\n"},
		{"CLIENT GETNAME", "$-1\r\n"},
		{"QUIT", "+OK\r\n"},
	})
}

func TestQuitCloses(t *testing.T) {
	p := start(t, nil).dial()
	p.talk("QUIT\r\nPING", "+OK\r\n")
	p.closed()
}

func TestHello(t *testing.T) {
	p := start(t, nil).dial()
	run(t, p, []exchange{
		{"HELLO 4", "-NOPROTO unsupported protocol version\r\n"},
		{"HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"},
		{"HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n"},
		{"HELLO 3 SETNAME me", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n" +
			"$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n" +
			"$7\r\nmodules\r\n*0\r\n"},
		{"GET absent", "_\r\n"},
		{"CLIENT GETNAME", "$2\r\nme\r\n"},
		{"HELLO 2", "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n" +
			"$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n" +
			"$7\r\nmodules\r\n*0\r\n"},
	})
}

func TestAuth(t *testing.T) {
	r := start(t, func(c *Config) { c.Secret = "sesame" })
	const no, wrong = "-NOAUTH Authentication required.\r\n",
		"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
	p := r.dial()
	run(t, p, []exchange{
		{"PING", no},
		{"SET k v", no},
		{"CONFIG GET *", no},
		{"PINGD PEER", no},
		{"SUBSCRIBE a", no},
		{"MULTI", no},
		{"foo a b", unknownFoo},
		{"AUTH x", wrong},
		{"AUTH other sesame", wrong},
		{"AUTH a b c", "-ERR syntax error\r\n"},
		{"HELLO 3", "-" + helloNoAuth + "\r\n"},
		{"HELLO 3 AUTH default x", wrong},
		{"AUTH default sesame", "+OK\r\n"},
		{"PING", "+PONG\r\n"},
		{"CONFIG GET requirepass", "*2\r\n$11\r\nrequirepass\r\n$5\r\n(set)\r\n"},
		{"RESET", "+RESET\r\n"},
		{"PING", no},
		{"AUTH sesame", "+OK\r\n"},
		{"PING", "+PONG\r\n"},
	})
	p = r.dial()
	p.send("HELLO 3 AUTH default sesame\r\nPING\r\n")
	p.want("%7\r\n$6\r\nserver\r\n")

	p = start(t, nil).dial()
	p.talk("AUTH x", "-ERR AUTH <password> called without any password configured for the default user. "+
		"Are you sure your configuration is correct?\r\n")
}

// Before AUTH a client may hold 10 arguments of 16 KiB, after it what Redis
// allows, also when all of it comes in one piece.
func TestLimitsBeforeAuth(t *testing.T) {
	r := start(t, func(c *Config) { c.Secret = "sesame" })
	for send, want := range map[string]string{
		"*11\r\n":              "-ERR Protocol error: unauthenticated multibulk length\r\n",
		"*2\r\n$16385\r\n":     "-ERR Protocol error: unauthenticated bulk length\r\n",
		"*1\r\n$600000000\r\n": "-ERR Protocol error: invalid bulk length\r\n",
	} {
		p := r.dial()
		p.send(send)
		p.want(want)
		p.closed()
	}
	p := r.dial()
	large := strings.Repeat("x", 20_000)
	p.send("AUTH sesame\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000\r\n" + large + "\r\n")
	p.want("+OK\r\n+OK\r\n")
}

// Strangers who take every place keep nobody out who knows the password.
func TestStrangersDoNotKeepOthersOut(t *testing.T) {
	r := start(t, func(c *Config) { c.Secret, c.MaxClients = "sesame", 4 })
	inside := r.dial()
	inside.talk("AUTH sesame", "+OK\r\n")
	var strangers []*peer
	for range 20 {
		p := r.dial()
		p.talk("PING", "-NOAUTH Authentication required.\r\n")
		strangers = append(strangers, p)
	}
	for range 3 {
		p := r.dial()
		p.talk("AUTH sesame", "+OK\r\n")
		p.talk("PING", "+PONG\r\n")
	}
	for _, p := range strangers {
		p.closed()
	}
	inside.talk("PING", "+PONG\r\n")
	late := r.dial() // all four are known now
	late.want("-ERR max number of clients reached\r\n")
	if st := r.Status().(Status); st.Clients != 4 || st.Rejected != 21 {
		t.Errorf("status %+v", st)
	}
	// Who logs out is known all the same: pools do that between users.
	inside.talk("RESET", "+RESET\r\n")
	r.dial().want("-ERR max number of clients reached\r\n")
}

// What MULTI and WATCH hold is bounded, however small its pieces are.
func TestTransactionsAreBounded(t *testing.T) {
	for name, line := range map[string]string{"MULTI": "PING\r\n", "WATCH": "WATCH k\r\n"} {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			p := r.dial()
			p.talk("CONFIG SET client-query-buffer-limit 1mb", "+OK\r\n")
			if name == "MULTI" {
				p.talk("MULTI", "+OK\r\n")
			}
			// 20,000 pieces take a MiB with what is around them; their bytes alone do not.
			go io.WriteString(p.nc, strings.Repeat(line, 20_000)) //nolint:errcheck // cut on the way
			io.Copy(io.Discard, p.br)                             //nolint:errcheck // ends with the connection
			wait(t, "the cut", func() bool { return r.Status().(Status).Clients == 0 })
		})
	}
}

const helloNoAuth = "NOAUTH HELLO must be called with the client already authenticated, otherwise the " +
	"HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the " +
	"RESP protocol version at the same time"
