package server

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/kv/engine"
	"pingd/kv/replica"
)

var _ Store = (*replica.Replica)(nil)

func TestNewRefusesHalfAConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no error")
	}
}

func TestMaxClients(t *testing.T) {
	r := start(t, func(c *Config) { c.MaxClients = 2 })
	first := r.dial()
	first.talk("PING", "+PONG\r\n")
	r.dial().talk("PING", "+PONG\r\n")
	third := r.dial()
	third.want("-ERR max number of clients reached\r\n")
	third.closed()
	first.talk("CONFIG SET maxclients 3", "+OK\r\n")
	r.dial().talk("PING", "+PONG\r\n")
	if st := r.Status().(Status); st.Clients != 3 || st.Rejected != 1 || st.Accepted != 3 {
		t.Errorf("status %+v", st)
	}
}

func TestIdleTimeout(t *testing.T) {
	r := start(t, nil)
	p := r.dial()
	p.talk("CONFIG SET timeout 1", "+OK\r\n")
	p.closed()
}

func TestProtocolErrorsCloseOnlyTheirConnection(t *testing.T) {
	r := start(t, nil)
	healthy := r.dial()
	for send, want := range map[string]string{
		"*1\r\n$9223372036854775807\r\n": "-ERR Protocol error: invalid bulk length\r\n",
		"*9223372036854775807\r\n":       "-ERR Protocol error: invalid multibulk length\r\n",
		"PING\r\n*1\r\n:1\r\n":           "+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n",
		"SET k \"v\r\n":                  "-ERR Protocol error: unbalanced quotes in request\r\n",
	} {
		p := r.dial()
		p.send(send)
		p.want(want)
		p.closed()
		healthy.talk("PING", "+PONG\r\n")
	}
}

// An HTTP request must not run commands from its body.
func TestHTTPRequestIsClosed(t *testing.T) {
	p := start(t, nil).dial()
	p.send("POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n")
	p.want("-ERR unknown command 'POST', with args beginning with: '/' 'HTTP/1.1' \r\n")
	p.closed()
}

func TestGarbage(t *testing.T) {
	r := start(t, nil)
	for _, garbage := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", // TLS hello
		strings.Repeat("\x00", 100_000),
		strings.Repeat("\xff\r\n", 1000),
		"GET / HTTP/1.1\r\n\r\n",
		"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1", // half a command
		"*\r\n", "$\r\n", "\r\n\r\n",
	} {
		p := r.dial()
		p.nc.Write([]byte(garbage))
		p.nc.(interface{ CloseWrite() error }).CloseWrite()
		io.Copy(io.Discard, p.nc)
	}
	r.dial().talk("GET k", "$-1\r\n")
	wait(t, "the connections to end", func() bool { return r.clients.Count() == 1 })
}

// 200,000 writes of one byte of a command that never ends.
func TestTinyWrites(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := start(t, nil)
	p := r.dial()
	p.send("*2\r\n$4\r\nECHO\r\n$200000\r\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 200_000 {
		p.send("x")
	}
	wait(t, "all bytes to arrive", func() bool { return r.stats.bytesIn.Load() >= 200_000 })
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys+after.StackSys) - int64(before.HeapSys+before.StackSys); grown > 16<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	p.send("\r\n")
	p.want("$200000\r\n")
}

// A fault in a handler ends one connection, not the process.
func TestPanicEndsOneConnection(t *testing.T) {
	r := start(t, nil)
	r.store.before = func(_ context.Context, cmds []engine.Command) error {
		if string(cmds[0].Args[0]) == "TTL" {
			panic("planted")
		}
		return nil
	}
	p := r.dial()
	p.send("TTL k\r\n")
	p.closed()
	r.dial().talk("SET k v", "+OK\r\n")
	if r.stats.panics.Load() != 1 {
		t.Error("not counted")
	}
}

func TestStoreErrors(t *testing.T) {
	r := start(t, nil)
	fail := replica.ErrNoLeader
	r.store.before = func(context.Context, []engine.Command) error { return fail }
	p := r.dial()
	p.send("SET k v\r\nPING\r\nGET k\r\n")
	line := "-" + fail.Error() + "\r\n"
	p.want(line + "+PONG\r\n" + line)
	p.talk("WATCH k", line)
	p.talk("MULTI\r\nSET k v\r\nEXEC", "+OK\r\n+QUEUED\r\n"+line)
	for err, want := range map[error]string{
		errors.New("lower case"):           "ERR lower case",
		errors.New("ERR as it is"):         "ERR as it is",
		errors.New("UNCERTAIN who knows"):  "UNCERTAIN who knows",
		errors.New("Capital is no code"):   "ERR Capital is no code",
		errors.New("CODE\nhint: and more"): "ERR CODE\nhint: and more",
	} {
		if got := errorText(err); got != want {
			t.Errorf("%q becomes %q", err, got)
		}
	}
}

// Connections of a node that stops leading end: idle ones at once, busy ones
// after their reply. New ones are served.
func TestLeadershipLoss(t *testing.T) {
	r := start(t, nil)
	idle, busy, sub := r.dial(), r.dial(), r.dial()
	idle.talk("PING", "+PONG\r\n")
	sub.talk("SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
	entered, release := make(chan struct{}), make(chan struct{})
	r.store.before = func(context.Context, []engine.Command) error {
		close(entered)
		<-release
		return nil
	}
	busy.send("SET k v\r\n")
	<-entered
	r.store.stepDown()
	idle.closed()
	sub.closed()
	r.store.before = nil
	close(release)
	busy.want("+OK\r\n")
	busy.closed()
	p := r.dial()
	p.talk("GET k", "$1\r\nv\r\n")
	p.talk("ROLE", "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:7002\r\n$9\r\nconnected\r\n:0\r\n")
}

// Run lets a command in flight finish, and gives up on one that does not.
func TestDrain(t *testing.T) {
	for _, finishes := range []bool{true, false} {
		r := start(t, func(c *Config) { c.DrainTimeout = 100 * time.Millisecond })
		if finishes {
			r.cfg.DrainTimeout = 10 * time.Second
		}
		entered, release := make(chan struct{}), make(chan struct{})
		r.store.before = func(ctx context.Context, _ []engine.Command) error {
			close(entered)
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		busy, idle := r.dial(), r.dial()
		idle.talk("PING", "+PONG\r\n")
		busy.send("SET k v\r\n")
		<-entered
		stopped := make(chan struct{})
		go func() { r.stop(); close(stopped) }()
		idle.closed()
		if finishes {
			close(release)
			busy.want("+OK\r\n")
		}
		io.Copy(io.Discard, busy.nc)
		<-stopped
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	r := start(t, func(c *Config) { c.Metrics = reg })
	p := r.dial()
	p.talk("SET k v\r\nGET k\r\nfoo a b\r\nPING", "+OK\r\n$1\r\nv\r\n"+unknownFoo+"+PONG\r\n")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "/" + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"pingd_store_commands_total/set": 1, "pingd_store_commands_total/get": 1,
		"pingd_store_commands_total/ping": 1, "pingd_store_clients": 1, "pingd_store_keys": 1,
		"pingd_store_error_replies_total": 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if _, ok := got["pingd_store_commands_total/foo"]; ok {
		t.Error("clients can add label values")
	}
}

// Whatever arrives, the server neither falls nor hangs.
func FuzzServe(f *testing.F) {
	f.Add([]byte("MULTI\r\nSET a b\r\nEXEC\r\nSUBSCRIBE c\r\nPUBLISH c m\r\n"))
	f.Add([]byte("HELLO 3\r\nWATCH a\r\nCLIENT LIST\r\nCOMMAND\r\nCOMMAND DOCS get\r\nINFO all\r\n"))
	f.Add([]byte("CLIENT REPLY SKIP\r\nGET a\r\nCONFIG SET timeout 1 save x\r\nCONFIG GET *\r\nRESET\r\n"))
	r := start(f, nil)
	f.Fuzz(func(t *testing.T, in []byte) {
		if strings.Contains(strings.ToUpper(string(in)), "PAUSE") || strings.Contains(strings.ToUpper(string(in)), "MAXCLIENTS") {
			t.Skip("would hold up the other inputs")
		}
		nc, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.Write(in)
		nc.(interface{ CloseWrite() error }).CloseWrite()
		nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the connection hangs")
		}
		if r.stats.panics.Load() > 0 {
			t.Fatal("a handler panicked")
		}
	})
}
