package server

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// text reads one bulk string.
func (p *peer) text() string {
	p.t.Helper()
	var n int
	line, err := p.br.ReadString('\n')
	if _, scanErr := fmt.Sscanf(line, "$%d\r\n", &n); scanErr != nil {
		p.t.Fatalf("not a bulk string: %q, %v", line, err)
	}
	b := make([]byte, n+2)
	if _, err := io.ReadFull(p.br, b); err != nil {
		p.t.Fatal(err)
	}
	return string(b[:n])
}

func TestConfig(t *testing.T) {
	const failed = "-ERR CONFIG SET failed (possibly related to argument "
	run(t, start(t, nil).dial(), []exchange{
		{"CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"},
		{"CONFIG GET nothing", "*0\r\n"},
		{"CONFIG GET", "-ERR wrong number of arguments for 'config|get' command\r\n"},
		{"CONFIG SET hash-max-ziplist-entries 7", "+OK\r\n"},
		{"CONFIG GET hash-max-*-entries", "*4\r\n$25\r\nhash-max-listpack-entries\r\n$1\r\n7\r\n$24\r\nhash-max-ziplist-entries\r\n$1\r\n7\r\n"},
		{"CONFIG SET maxmemory 1gb save \"900 1\"", "+OK\r\n"},
		{"CONFIG GET maxmemory", "*2\r\n$9\r\nmaxmemory\r\n$10\r\n1073741824\r\n"},
		{"CONFIG SET maxmemory x", failed + "'maxmemory') - argument must be a memory value\r\n"},
		{"CONFIG SET appendonly maybe", failed + "'appendonly') - argument must be 'yes' or 'no'\r\n"},
		{"CONFIG SET timeout -1", failed + "'timeout') - argument must be between 0 and 2147483647 inclusive\r\n"},
		{"CONFIG SET port 1", failed + "'port') - can't set immutable config\r\n"},
		{"CONFIG SET hz 10 hz 11", failed + "'hz') - duplicate parameter\r\n"},
		{"CONFIG SET foo 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n"},
		{"CONFIG SET hz 20 foo 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n"},
		{"CONFIG GET hz", "*2\r\n$2\r\nhz\r\n$2\r\n10\r\n"},
		{"CONFIG SET hz 1 timeout", "-ERR syntax error\r\n"},
		{"CONFIG SET hz", "-ERR wrong number of arguments for 'config|set' command\r\n"},
		{"CONFIG RESETSTAT", "+OK\r\n"},
		{"CONFIG REWRITE", "-ERR The server is running without a config file\r\n"},
		{"CONFIG FOO", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.\r\n"},
		{"CONFIG SET proto-max-bulk-len 2mb", "+OK\r\n"},
		{"*2\r\n$4\r\nECHO\r\n$3000000", "-ERR Protocol error: invalid bulk length\r\n"},
	})
}

func TestServerCommands(t *testing.T) {
	r := start(t, nil)
	run(t, r.dial(), []exchange{
		{"ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$4\r\n7002\r\n$1\r\n0\r\n"},
		{"WAIT 1 100", ":1\r\n"},
		{"WAIT x 0", "-ERR value is not an integer or out of range\r\n"},
		{"WAIT 1 -1", "-ERR timeout is negative\r\n"},
		{"DEBUG SET-ACTIVE-EXPIRE 0", "+OK\r\n"},
		{"FUNCTION FLUSH", "+OK\r\n"},
		{"ACL WHOAMI", "$7\r\ndefault\r\n"},
		{"LATENCY RESET", ":0\r\n"},
		{"LATENCY LATEST", "*0\r\n"},
		{"CLUSTER INFO", "-ERR This instance has cluster support disabled\r\n"},
		{"PINGD PEER", "$13\r\n{\"name\":\"n1\"}\r\n"},
		{"PINGD TRANSFER", "+OK\r\n"},
		{"PINGD REMOVE n2", "+OK\r\n"},
		{"PINGD REMOVE n9", "-ERR no such node n9\r\n"},
		{"PINGD REMOVE", "-ERR wrong number of arguments for 'pingd|remove' command\r\n"},
		{"COMMAND COUNT", fmt.Sprintf(":%d\r\n", len(r.table.index().Shown()))},
		{"COMMAND GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
		{"COMMAND GETKEYS PING a", "-ERR The command has no key arguments\r\n"},
		{"COMMAND GETKEYS foo a", "-ERR Invalid command specified\r\n"},
		{"COMMAND INFO foo", "*1\r\n$-1\r\n"},
		{"COMMAND LIST FILTERBY PATTERN getr*", "*1\r\n$8\r\ngetrange\r\n"},
		{"COMMAND DOCS echo", "*2\r\n$4\r\necho\r\n*6\r\n$7\r\nsummary\r\n$21\r\nEcho the given string\r\n$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$10\r\nconnection\r\n"},
	})
	for _, name := range []string{"SHUTDOWN", "REPLICAOF no one", "BGSAVE", "DEBUG SLEEP 1", "CLIENT TRACKING maybe"} {
		p := r.dial()
		p.send(name + "\r\n")
		p.want("-ERR ")
	}
}

func TestInfo(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.talk("SET k v EX 100\r\nGET\r\nfoo a b", "+OK\r\n-ERR wrong number of arguments for 'get' command\r\n"+unknownFoo)
	p.send("INFO\r\n")
	all := p.text()
	for _, want := range []string{
		"# Server\r\nredis_version:7.0.15\r\n", "pingd_version:", "run_id:" + r.cfg.RunID, "# Clients\r\nconnected_clients:1\r\n",
		"# Memory\r\n", "loading:0\r\n", "# Stats\r\n", "role:master\r\nconnected_slaves:1\r\nslave0:ip=127.0.0.1,port=7002,state=online,offset=0,lag=0\r\n",
		"# Errorstats\r\nerrorstat_ERR:count=2\r\n", "# Raft\r\n", "# Keyspace\r\ndb0:keys=1,expires=1,avg_ttl=0\r\n",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("INFO lacks %q:\n%s", want, all)
		}
	}
	if strings.Contains(all, "cmdstat_") {
		t.Error("command statistics are asked for by name only")
	}
	p.send("INFO commandstats keyspace\r\n")
	if some := p.text(); !strings.Contains(some, "cmdstat_set:calls=1,usec=") || !strings.Contains(some, "cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0\r\n") || strings.Contains(some, "# Server") {
		t.Errorf("got %s", some)
	}
	r.store.follows.Store(true)
	p.send("INFO replication\r\n")
	if some := p.text(); !strings.Contains(some, "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:7002\r\nmaster_link_status:up\r\n") {
		t.Errorf("got %s", some)
	}
}

func TestClientListAndKill(t *testing.T) {
	r := start(t, nil)
	p, other, sub := r.dial(), r.dial(), r.dial()
	p.talk("CLIENT SETNAME boss", "+OK\r\n")
	other.talk("CLIENT ID", ":2\r\n")
	sub.talk("SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
	wait(t, "the subscriber to be shown", func() bool { l := r.clients.All()[2].View(); return l.IsType("pubsub") })
	lines := func(cmd string) []string {
		p.send(cmd + "\r\n")
		return strings.Split(strings.TrimSuffix(p.text(), "\n"), "\n")
	}
	if l := lines("CLIENT LIST"); len(l) != 3 || !strings.Contains(l[0], " name=boss ") || !strings.HasPrefix(l[2], "id=3 ") {
		t.Errorf("got %q", l)
	}
	if l := lines("CLIENT LIST TYPE pubsub"); len(l) != 1 || !strings.Contains(l[0], " flags=P ") || !strings.Contains(l[0], " sub=1 ") {
		t.Errorf("got %q", l)
	}
	if l := lines("CLIENT LIST ID 1 2"); len(l) != 2 {
		t.Errorf("got %q", l)
	}
	if l := lines("CLIENT INFO"); !strings.HasPrefix(l[0], "id=1 ") || !strings.Contains(l[0], " cmd=client|info ") {
		t.Errorf("got %q", l)
	}
	run(t, p, []exchange{
		{"CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'\r\n"},
		{"CLIENT KILL 1.2.3.4:5", "-ERR No such client\r\n"},
		{"CLIENT KILL ID x", "-ERR client-id should be greater than 0\r\n"},
		{"CLIENT KILL ID 2", ":1\r\n"},
		{"CLIENT KILL TYPE pubsub", ":1\r\n"},
		{"CLIENT KILL SKIPME yes", ":0\r\n"},
	})
	other.closed()
	sub.closed()
	p.talk("CLIENT KILL SKIPME no", ":1\r\n")
	p.closed()
}

func TestClientPause(t *testing.T) {
	r := start(t, nil)
	p, other := r.dial(), r.dial()
	run(t, p, []exchange{
		{"CLIENT PAUSE -1", "-ERR timeout is negative\r\n"},
		{"CLIENT PAUSE 100 FOO", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"},
		{"CLIENT PAUSE 60000 WRITE", "+OK\r\n"},
	})
	other.talk("GET k", "$-1\r\n")
	other.send("SET k v\r\n")
	other.nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := other.br.Peek(1); err == nil {
		t.Fatal("a write was not held back")
	}
	other.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	other.br = bufio.NewReader(other.nc)
	p.talk("CLIENT UNPAUSE", "+OK\r\n")
	other.want("+OK\r\n")
}

func TestSlowlog(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	run(t, p, []exchange{
		{"CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 2", "+OK\r\n"},
		{"SET a 1", "+OK\r\n"},
		{"SET b 1", "+OK\r\n"},
		{"SET c " + strings.Repeat("x", 200), "+OK\r\n"},
		{"CONFIG SET slowlog-log-slower-than -1", "+OK\r\n"},
		{"SLOWLOG LEN", ":2\r\n"},
	})
	p.send("SLOWLOG GET 1\r\n")
	p.want("*1\r\n*6\r\n:2\r\n")
	for range 2 {
		p.br.ReadString('\n')
	}
	p.want("*3\r\n$3\r\nSET\r\n$1\r\nc\r\n" + bulk(strings.Repeat("x", 128)+"... (72 more bytes)"))
	p.text()
	p.text()
	run(t, p, []exchange{
		{"SLOWLOG RESET", "+OK\r\n"},
		{"SLOWLOG LEN", ":0\r\n"},
		{"SLOWLOG GET -2", "-ERR count should be greater than or equal to -1\r\n"},
	})
}

// Every entry of COMMAND has the shape that clients parse.
func TestCommandShape(t *testing.T) {
	p := start(t, nil).dial()
	p.talk("COMMAND INFO get", "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"+
		"*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n"+
		"*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n"+
		"$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n")
}
