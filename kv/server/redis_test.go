package server

import (
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
CLIENT TRACKINGINFO
CLIENT TRACKING on
CLIENT TRACKINGINFO
CLIENT TRACKING on OPTIN
CLIENT CACHING yes
CLIENT TRACKINGINFO
CLIENT CACHING no
PING
CLIENT TRACKINGINFO
CLIENT TRACKING on OPTOUT
CLIENT TRACKING off
CLIENT TRACKING on OPTOUT NOLOOP
CLIENT CACHING no
CLIENT TRACKINGINFO
CLIENT TRACKING off
CLIENT TRACKING on BCAST PREFIX b PREFIX a
CLIENT TRACKINGINFO
CLIENT TRACKING on BCAST PREFIX ab
CLIENT TRACKING on
CLIENT TRACKING off
CLIENT TRACKING on PREFIX a
CLIENT TRACKING on REDIRECT 999999
CLIENT TRACKING on REDIRECT x
CLIENT TRACKING maybe
CLIENT TRACKING on FOO
CLIENT TRACKING
CLIENT GETREDIR
CLIENT CACHING
CLIENT ID x
CLIENT NO-EVICT
CLIENT PAUSE
CLIENT REPLY
CLIENT UNBLOCK
CLIENT LIST ID
CLIENT UNPAUSE x
MULTI
CLIENT FOO
EXEC
MULTI
CLIENT GETNAME x
EXEC
MULTI
CONFIG GET maxmemory
OBJECT FOO
EXEC
MULTI
SET a 1
EXEC x
DISCARD
EXEC x
SSUBSCRIBE
SUNSUBSCRIBE
SUNSUBSCRIBE x
SSUBSCRIBE a b
SSUBSCRIBE a
PING
SUBSCRIBE x
SUNSUBSCRIBE a
UNSUBSCRIBE
SUNSUBSCRIBE
PUBSUB SHARDCHANNELS
PUBSUB SHARDCHANNELS x y
PUBSUB SHARDNUMSUB
PUBSUB SHARDNUMSUB a b
PUBSUB NUMSUB
SPUBLISH
SPUBLISH a b
OBJECT
OBJECT ENCODING
OBJECT ENCODING k x
OBJECT HELP x
OBJECT FOO k
SET i 123
OBJECT ENCODING i
OBJECT REFCOUNT i
OBJECT FREQ i
OBJECT ENCODING nope
OBJECT REFCOUNT nope
MEMORY
MEMORY FOO
MEMORY USAGE
MEMORY USAGE nope
MEMORY USAGE nope SAMPLES
MEMORY USAGE i SAMPLES -1
MEMORY USAGE i SAMPLES x
MEMORY USAGE i FOO
MEMORY PURGE
MEMORY PURGE x
DUMP nope
DUMP
RESTORE
RESTORE x 0
RESTORE x 0 y
RESTORE x y z
RESTORE x -1 z
RESTORE x 0 z FOO
RESTORE x 0 z IDLETIME
RESTORE x 0 z IDLETIME -1
RESTORE x 0 z IDLETIME x
RESTORE x 0 z FREQ 256
RESTORE x 0 z IDLETIME 1 FREQ 1
RESTORE i 0 z
RESTORE i x z
DUMP i
RESTORE j 0 "\x00\xc0{\n\x00\xde\x0f;a\xf5/[*"
GET j
SET s hello
DUMP s
FUNCTION
FUNCTION FOO
FUNCTION FLUSH SYNC
FUNCTION FLUSH ASYNC
FUNCTION FLUSH foo
FUNCTION FLUSH a b
FUNCTION LIST LIBRARYNAME
FUNCTION LIST LIBRARYNAME x WITHCODE
FUNCTION LIST foo
FUNCTION LIST WITHCODE withcode
FUNCTION LIST libraryname a libraryname b
FUNCTION LIST WITHCODE libraryname a
FUNCTION DELETE x
FUNCTION KILL
SCRIPT
SCRIPT FOO
SCRIPT EXISTS
SCRIPT EXISTS a b
SCRIPT FLUSH
SCRIPT FLUSH x
SCRIPT FLUSH a b
SCRIPT FLUSH async
SCRIPT KILL
MODULE LIST
MODULE FOO
ACL
ACL FOO
ACL CAT
ACL CAT foo
ACL CAT transaction
ACL LIST
ACL GETUSER default
ACL GETUSER nobody
ACL GETUSER
ACL DRYRUN default get a
ACL DRYRUN nobody get a
ACL DRYRUN default get
ACL DRYRUN default foo
ACL LOG
ACL LOG RESET
ACL LOG reset x
ACL LOG x
ACL LOG 99999999999999999999
ACL LOG 1 2
ACL CAT a b
ACL DRYRUN default config
ACL DRYRUN default config nope
ACL DRYRUN nobody nope
ACL GENPASS 0
ACL GENPASS x
ACL GENPASS 5 5
ACL GENPASS x 5
ACL GENPASS -1
ACL GENPASS 4097
ACL SAVE x
LATENCY
LATENCY FOO
LATENCY HISTORY
LATENCY RESET x y
LATENCY GRAPH x
LATENCY HISTOGRAM nope
SLOWLOG
SLOWLOG GET 1 2
SLOWLOG LEN x
CONFIG GET replica-read-only slave-serve-stale-data
CONFIG GET zset-max-*
CONFIG GET list-max-*
CONFIG GET *ziplist*
CONFIG SET zset-max-ziplist-value 5 list-max-ziplist-size 7
CONFIG GET zset-max-listpack-value
CONFIG GET list-max-listpack-size
CONFIG SET tracking-table-max-keys -1
CONFIG SET tracking-table-max-keys 100
CONFIG GET tracking-table-max-keys
CONFIG SET tracking-table-max-keys 1000000
CONFIG SET latency-monitor-threshold 5
CONFIG GET latency-monitor-threshold
CONFIG SET latency-monitor-threshold 0
CONFIG SET slave-priority 10
CONFIG GET *-priority
CONFIG SET slave-priority 100
CONFIG SET repl-ping-slave-period 3
CONFIG GET repl-ping-replica-period
CONFIG SET maxmemory-policy allkeys-lru
CONFIG GET maxmemory-policy
CONFIG SET maxmemory-policy foo
CONFIG SET maxmemory-policy noeviction
CONFIG SET loglevel foo
CONFIG SET save ""
CONFIG GET save
CONFIG GET appendonly
CONFIG RESETSTAT x
CONFIG GET databases timeout
LASTSAVE x
ROLE x
ROLE
ECHO a b
SWAPDB 0
SWAPDB 0 x
SWAPDB x 0
SWAPDB 0 16
SELECT 5
SET a 1
SWAPDB 5 6
GET a
SELECT 6
GET a
MOVE a 7
MOVE a 6
MOVE a 99
MOVE a x
COPY a b
COPY a b DB 7
COPY a b DB 99
COPY a b DB x
COPY a a DB 6
DBSIZE
FLUSHDB SYNC
FLUSHDB FOO
COMMAND GETKEYSANDFLAGS SET a b
COMMAND GETKEYSANDFLAGS SET a b GET
COMMAND GETKEYSANDFLAGS MSET a 1 b 2
COMMAND GETKEYSANDFLAGS RENAME a b
COMMAND GETKEYSANDFLAGS GETEX a
COMMAND GETKEYSANDFLAGS PING
COMMAND GETKEYSANDFLAGS
COMMAND GETKEYS OBJECT ENCODING k
COMMAND GETKEYS MEMORY USAGE k
COMMAND GETKEYS DEL a b c
COMMAND GETKEYS WATCH a b
COMMAND INFO client|foo
COMMAND INFO get|foo
COMMAND LIST FILTERBY PATTERN client|t*
COMMAND LIST FILTERBY ACLCAT transaction
COMMAND LIST FILTERBY ACLCAT foo
COMMAND LIST FILTERBY MODULE foo
COMMAND LIST FILTERBY
COMMAND LIST x
WAIT 0
WAIT
HELLO 3 SETNAME
HELLO 2 SETNAME ok
CLIENT GETNAME
READWRITE
RESET
CLIENT GETNAME
`

// unlikeRedis are those of them that differ on purpose.
var unlikeRedis = map[string]string{
	"CONFIG GET hash-max-*-entries": "Redis gives them in any order",
	"READONLY":                      "Redis has it in a cluster only; here it allows stale reads",
	"READWRITE":                     "the same",
	"ACL CAT transaction":           "Redis gives them in any order",
	"COMMAND LIST FILTERBY ACLCAT transaction":            "the same",
	"COMMAND LIST FILTERBY PATTERN client|t*":             "the same",
	"CONFIG GET replica-read-only slave-serve-stale-data": "a node that does not lead takes writes",
	"CONFIG GET zset-max-*":                               "Redis gives them in any order",
	"CONFIG GET list-max-*":                               "the same",
	"CONFIG GET *ziplist*":                                "the same",
	"CONFIG GET *-priority":                               "the same",
	"CONFIG GET databases timeout":                        "the same",
	"ROLE":                                                "a cluster has other nodes",
	"HELLO 2 SETNAME ok":                                  "another number of the connection",
	"UNSUBSCRIBE":                                         "Redis gives them in any order",
	"ACL LOG":                                             "nothing is logged",
	"DUMP i":                                              "the version of the format is older, so that every Redis since 5.0 takes it",
	"DUMP s":                                              "the same",
	"ACL SAVE x":                                          "",
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
			reply == "+QUEUED\r\n" && (all != "" || command == ""): // within MULTI
			return all, nil
		}
		all += reply
	}
}

func TestRepliesAreThoseOfRedis(t *testing.T) {
	redis := startRedis(t)
	for _, proto := range []string{"2", "3"} {
		for _, commands := range []string{sameAsRedis, sameOfData} {
			compareReplies(t, redis, proto, commands)
		}
	}
}

// compareReplies asks Redis and a server of ours the same, one command a line.
func compareReplies(t *testing.T, redis, proto, commands string) {
	t.Helper()
	theirs, ours := newAsker(t, redis), newAsker(t, start(t, nil).addr)
	for _, a := range []*asker{theirs, ours} {
		for _, line := range []string{"HELLO " + proto, "FLUSHALL", "CONFIG SET hash-max-listpack-entries 512 timeout 0"} {
			if _, err := a.ask(line); err != nil {
				t.Fatal(err)
			}
		}
	}
	for command := range strings.Lines(strings.TrimSpace(commands)) {
		command = strings.TrimRight(command, "\n")
		want, err := theirs.ask(command)
		if err != nil {
			t.Fatalf("Redis on %s: %v", command, err)
		}
		got, err := ours.ask(command)
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		if _, known := unlikeRedis[command]; got != want && !known {
			t.Errorf("RESP%s %.60s\ngot  %q\nwant %q", proto, command, got, want)
		}
	}
}
