package server

import (
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSubscribe(t *testing.T) {
	r := start(t, nil)
	p, other := r.dial(), r.dial()
	run(t, p, []exchange{
		{"SUBSCRIBE a b", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"},
		{"SUBSCRIBE a", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n"},
		{"PSUBSCRIBE a*", "*3\r\n$10\r\npsubscribe\r\n$2\r\na*\r\n:3\r\n"},
		{"PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n"},
		{"PING x", "*2\r\n$4\r\npong\r\n$1\r\nx\r\n"},
		{"GET k", "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n"},
	})
	run(t, other, []exchange{
		{"PUBLISH a hi", ":2\r\n"},
		{"PUBLISH none hi", ":0\r\n"},
		{"PUBSUB NUMSUB a none", "*4\r\n$1\r\na\r\n:1\r\n$4\r\nnone\r\n:0\r\n"},
		{"PUBSUB NUMPAT", ":1\r\n"},
		{"PUBSUB CHANNELS a*", "*1\r\n$1\r\na\r\n"},
		{"PUBSUB SHARDCHANNELS", "*0\r\n"},
		{"PUBSUB FOO", "-ERR unknown subcommand 'FOO'. Try PUBSUB HELP.\r\n"},
	})
	p.want("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n*4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$2\r\nhi\r\n")
	run(t, p, []exchange{
		{"UNSUBSCRIBE a", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:2\r\n"},
		{"UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n"},
		{"UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1\r\n"},
		{"PUNSUBSCRIBE", "*3\r\n$12\r\npunsubscribe\r\n$2\r\na*\r\n:0\r\n"},
		{"GET k", "$-1\r\n"},
	})
	other.talk("PUBLISH a hi", ":0\r\n")
}

// With RESP3 messages are pushes beside the replies to any command.
func TestPushes(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.send("HELLO 3\r\n")
	p.want("%7\r\n")
	p.send("SUBSCRIBE c\r\n")
	for line := ""; line != ">3\r\n"; {
		line, _ = p.br.ReadString('\n')
		if line == "" {
			t.Fatal("no confirmation")
		}
	}
	p.want("$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
	p.talk("SET k v", "+OK\r\n")
	p.talk("PUBLISH c m", ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n:1\r\n")
	p.talk("RESET", "+RESET\r\n")
	r.dial().talk("PUBLISH c m", ":0\r\n")
}

func TestKeyspaceEvents(t *testing.T) {
	r := start(t, nil)
	p, other := r.dial(), r.dial()
	p.talk("PSUBSCRIBE __key*@0__:*", "*3\r\n$10\r\npsubscribe\r\n$12\r\n__key*@0__:*\r\n:1\r\n")
	event := func(channel, payload string) string {
		return "*4\r\n$8\r\npmessage\r\n$12\r\n__key*@0__:*\r\n" + bulk(channel) + bulk(payload)
	}
	other.talk("SET k v", "+OK\r\n")
	p.want(event("__keyspace@0__:k", "set") + event("__keyevent@0__:set", "k"))
	other.talk("DEL k", ":1\r\n")
	p.want(event("__keyspace@0__:k", "del") + event("__keyevent@0__:del", "k"))
	other.talk("SELECT 1\r\nSET k v\r\nFLUSHALL", "+OK\r\n+OK\r\n+OK\r\n")
	p.want(event("__keyevent@0__:flushall", ""))

	other.talk("CONFIG SET notify-keyspace-events Kg\r\nSELECT 0\r\nSET k v\r\nDEL k", "+OK\r\n+OK\r\n+OK\r\n:1\r\n")
	p.want(event("__keyspace@0__:k", "del"))
	other.talk("CONFIG GET notify-keyspace-events", "*2\r\n$22\r\nnotify-keyspace-events\r\n$2\r\ngK\r\n")
	other.talk("CONFIG SET notify-keyspace-events \"\"\r\nSET k v", "+OK\r\n+OK\r\n")
	other.talk("CONFIG SET notify-keyspace-events KEA\r\nDEL k", "+OK\r\n:1\r\n")
	p.want(event("__keyspace@0__:k", "del") + event("__keyevent@0__:del", "k"))
}

func bulk(s string) string { return "$" + itoa(int64(len(s))) + "\r\n" + s + "\r\n" }

// A subscriber that does not read is cut once the limit is reached; the others
// get everything.
func TestSlowSubscriberIsCut(t *testing.T) {
	r := start(t, nil)
	admin := r.dial()
	admin.talk("CONFIG SET client-output-buffer-limit \"pubsub 1mb 0 0\"", "+OK\r\n")
	slow, quick := r.dial(), r.dial()
	confirmed := "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
	slow.talk("SUBSCRIBE c", confirmed)
	quick.talk("SUBSCRIBE c", confirmed)
	payload := strings.Repeat("x", 60<<10) // an inline command ends at 64 KiB
	publish := "PUBLISH c " + payload
	message := "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n" + bulk(payload)
	n := 0
	for ; r.stats.cut.Load() == 0 && n < 1000; n++ {
		admin.send(publish + "\r\n")
		quick.want(message)
		if line, err := admin.br.ReadString('\n'); err != nil || line[0] != ':' {
			t.Fatal(line, err)
		}
	}
	if r.stats.cut.Load() != 1 {
		t.Fatalf("after %d messages nobody was cut", n)
	}
	wait(t, "the slow subscriber to go", func() bool { return r.clients.Count() == 2 })
	_, err := io.Copy(io.Discard, slow.nc)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		t.Error("its connection is still open")
	}
	admin.talk("PUBSUB NUMSUB c", "*2\r\n$1\r\nc\r\n:1\r\n")
}

// A client that asks and never reads is cut after the write timeout.
func TestStuckReaderIsCut(t *testing.T) {
	r := start(t, func(c *Config) { c.WriteTimeout = 100 * time.Millisecond })
	p := r.dial()
	if err := p.nc.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	r.dial().talk("SETRANGE big 4000000 x", ":4000001\r\n")
	p.nc.SetWriteDeadline(time.Now().Add(20 * time.Second))
	for range 10_000 {
		if _, err := io.WriteString(p.nc, "GET big\r\n"); err != nil {
			if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
				break
			}
			t.Fatal(err)
		}
		if r.clients.Count() == 1 {
			break
		}
		runtime.Gosched()
	}
	wait(t, "the stuck client to go", func() bool { return r.clients.Count() == 1 })
}
