package server

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pingd/kv/resp"
)

// sameAsRedis are commands whose replies must be those of a real Redis, byte for
// byte. They run in order on one connection.
var sameAsRedis = `
PING
PING a
PING a b
ECHO
echo x
foo
foo a b
foo ` + strings.Repeat("x", 200) + ` b
SELECT 16
SELECT x
SELECT -1
SELECT 3
SET k v
GET
GET k
GETNAME
AUTH x
AUTH default x
AUTH nobody x
AUTH a b c
HELLO 4
HELLO x
HELLO 3 FOO
HELLO 2 AUTH
HELLO 2 SETNAME "a b"
CLIENT
CLIENT FOO
CLIENT GETNAME
CLIENT SETNAME me
CLIENT SETNAME "a b"
CLIENT GETNAME
CLIENT GETNAME x
CLIENT NO-EVICT on
CLIENT NO-EVICT x
CLIENT REPLY x
CLIENT PAUSE x
CLIENT PAUSE -1
CLIENT PAUSE 0 x
CLIENT UNPAUSE
CLIENT UNBLOCK 99
CLIENT UNBLOCK x
CLIENT UNBLOCK 99 x
CLIENT GETREDIR
CLIENT TRACKINGINFO
CLIENT CACHING yes
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID 99
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL TYPE x
CLIENT KILL FOO x
CLIENT KILL USER nobody
CLIENT LIST TYPE x
CLIENT LIST FOO
CLIENT LIST ID x
CONFIG
CONFIG FOO
CONFIG GET
CONFIG GET maxmemory
CONFIG GET nothing
CONFIG GET hash-max-*-entries
CONFIG SET hash-max-ziplist-entries 7
CONFIG GET hash-max-*-entries
CONFIG SET maxmemory 100mb
CONFIG GET maxmemory
CONFIG SET maxmemory 0
CONFIG SET maxmemory x
CONFIG SET appendfsync maybe
CONFIG SET lazyfree-lazy-expire maybe
CONFIG SET timeout -1
CONFIG SET timeout x
CONFIG SET databases 3
CONFIG SET hz 10 hz 11
CONFIG SET foo 1
CONFIG SET hz
CONFIG SET hz 10 timeout
CONFIG SET notify-keyspace-events q
CONFIG SET notify-keyspace-events KEA
CONFIG GET notify-keyspace-events
CONFIG SET notify-keyspace-events g$lshzxetdKE
CONFIG GET notify-keyspace-events
CONFIG SET notify-keyspace-events Kx
CONFIG GET notify-keyspace-events
CONFIG SET notify-keyspace-events ""
CONFIG SET client-output-buffer-limit "pubsub 1mb 2kb 3"
CONFIG GET client-output-buffer-limit
CONFIG SET client-output-buffer-limit "pubsub 1"
CONFIG SET client-output-buffer-limit "foo 1 2 3"
CONFIG RESETSTAT
CONFIG REWRITE
MULTI
MULTI
GET k
WATCH k
FOO
EXEC
EXEC
DISCARD
MULTI
SET n abc
INCR n
SELECT 4
PING x
PUBLISH c m
GET n
EXEC
GET n
MULTI
EXEC
MULTI
SUBSCRIBE
EXEC
WATCH
WATCH k
UNWATCH
UNSUBSCRIBE
UNSUBSCRIBE c
PUNSUBSCRIBE
SUBSCRIBE c
SUBSCRIBE c d
PSUBSCRIBE p*
PING
PING x
GET k
MULTI
UNSUBSCRIBE c
UNSUBSCRIBE d
PUNSUBSCRIBE
PUBSUB
PUBSUB FOO
PUBSUB CHANNELS
PUBSUB CHANNELS a b
PUBSUB NUMPAT
PUBSUB NUMPAT x
PUBSUB NUMSUB
PUBSUB NUMSUB a
PUBLISH c
WAIT x 0
WAIT 0 x
WAIT 0 -1
WAIT 0 1
SLOWLOG LEN
SLOWLOG GET -2
SLOWLOG GET x
SLOWLOG RESET
SLOWLOG FOO
LATENCY LATEST
LATENCY HISTORY x
LATENCY RESET
FUNCTION FLUSH
FUNCTION LIST
DEBUG SLEEP 0
CLUSTER INFO
ACL WHOAMI
ACL USERS
COMMAND FOO
COMMAND GETKEYS
COMMAND GETKEYS foo
COMMAND GETKEYS GET
COMMAND GETKEYS PING
COMMAND GETKEYS foo x
COMMAND GETKEYS GET a b
COMMAND GETKEYS PING a
COMMAND GETKEYS MSET a 1 b 2
COMMAND INFO foo
COMMAND LIST FILTERBY x y
COMMAND LIST FILTERBY PATTERN getr*
COMMAND COUNT x
READONLY
TIME x
RESET
CLIENT GETNAME
`

// unlikeRedis are those of them that differ on purpose.
var unlikeRedis = map[string]string{
	"CONFIG GET hash-max-*-entries": "Redis gives them in any order",
	"READONLY":                      "Redis has it in a cluster only; here it allows stale reads",
}

// startRedis runs a real Redis until the test ends.
func startRedis(t *testing.T) (addr string) {
	t.Helper()
	server := program(t, "redis-server", "redis-server")
	// A loopback host of its own: nobody else's port can get between.
	n := rand.Uint32()
	host := fmt.Sprintf("127.%d.%d.%d", 1+n%254, byte(n>>8), 1+n>>16%254)
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	cmd := exec.Command(server, "--bind", host, "--port", port, "--save", "", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	addr = net.JoinHostPort(host, port)
	wait(t, "Redis to listen", func() bool {
		nc, err := net.Dial("tcp", addr)
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
	return addr
}

// asker sends commands and reads whole replies.
type asker struct {
	nc  net.Conn
	buf []byte
}

func newAsker(t *testing.T, addr string) *asker {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &asker{nc: nc}
}

// ask returns all replies to one command: those that have arrived when the reply
// to a PING sent after it has.
func (a *asker) ask(command string) (string, error) {
	a.nc.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(a.nc, "%s\r\nPING marker\r\n", command); err != nil {
		return "", err
	}
	all := ""
	for {
		n := resp.Skip(a.buf)
		if n == 0 {
			chunk := make([]byte, 4096)
			k, err := a.nc.Read(chunk)
			if err != nil {
				return all, err
			}
			a.buf = append(a.buf, chunk[:k]...)
			continue
		}
		reply := string(a.buf[:n])
		a.buf = a.buf[n:]
		switch {
		case reply == bulk("marker"), reply == "*2\r\n$4\r\npong\r\n"+bulk("marker"),
			reply == "+QUEUED\r\n" && all != "": // within MULTI
			return all, nil
		}
		all += reply
	}
}

func TestRepliesAreThoseOfRedis(t *testing.T) {
	theirs := newAsker(t, startRedis(t))
	ours := newAsker(t, start(t, nil).addr)
	sc := bufio.NewScanner(strings.NewReader(strings.TrimSpace(sameAsRedis)))
	for sc.Scan() {
		command := sc.Text()
		want, err := theirs.ask(command)
		if err != nil {
			t.Fatalf("Redis on %s: %v", command, err)
		}
		got, err := ours.ask(command)
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		if _, known := unlikeRedis[command]; got != want && !known {
			t.Errorf("%.60s\ngot  %q\nwant %q", command, got, want)
		}
	}
}
