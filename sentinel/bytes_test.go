package sentinel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// ask sends inline commands and returns everything up to the reply of a last
// PING, or up to the end of the connection.
func ask(t *testing.T, conn net.Conn, lines ...string) string {
	t.Helper()
	const mark = "end-of-replies"
	_, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\nPING "+mark+"\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return readUntil(t, conn, fmt.Sprintf("$%d\r\n%s\r\n", len(mark), mark))
}

// readUntil returns what comes before mark, or all if the connection ends.
func readUntil(t *testing.T, conn net.Conn, mark string) string {
	t.Helper()
	var got strings.Builder
	var b [1]byte // what follows the mark stays in the connection
	for !strings.HasSuffix(got.String(), mark) {
		_, err := io.ReadFull(conn, b[:])
		if err != nil {
			if !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
				t.Fatalf("after %q: %v", got.String(), err)
			}
			return got.String()
		}
		got.WriteByte(b[0])
	}
	return strings.TrimSuffix(got.String(), mark)
}

// oneLine writes RESP on one line.
func oneLine(s string) string { return strings.ReplaceAll(s, "\r\n", " ") }

func TestExactReplies(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	for _, tc := range []struct{ send, want string }{
		{"PING", "+PONG "},
		{"ping hello", "$5 hello "},
		{"PING a b", "-ERR wrong number of arguments for 'ping' command "},
		{"ROLE", "*2 $8 sentinel *1 $6 master "},
		{"SENTINEL GET-MASTER-ADDR-BY-NAME master", "*2 $8 10.0.0.1 $4 6379 "},
		{"sentinel get-master-addr-by-name other", "*-1 "},
		{"SENTINEL CKQUORUM master", "+OK 3 usable Sentinels. Quorum and failover authorization can be reached "},
		{"SENTINEL IS-MASTER-DOWN-BY-ADDR 10.0.0.1 6379 0 *", "*3 :0 $1 * :0 "},
		{"SENTINEL PENDING-SCRIPTS", "*0 "},
		{"SENTINEL FLUSHCONFIG", "+OK "},
		{"SENTINEL MYID", "$40 " + sentinelID("a") + " "},
		{"SENTINEL RESET m*", ":1 "},
		{"SENTINEL RESET x*", ":0 "},
		{"SENTINEL INFO-CACHE other", "*0 "},
		{"SENTINEL CONFIG GET announce-*", "*6 $18 announce-hostnames $3 yes $11 announce-ip $0  $13 announce-port $1 0 "},
		{"SENTINEL CONFIG", "-ERR wrong number of arguments for 'sentinel|config' command "},
		{"SENTINEL CONFIG GET", "-ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported. "},
		{"SENTINEL CONFIG GET a b", "-ERR Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported. "},
		{"CLIENT GETNAME", "$-1 "},
		{"CLIENT SETINFO lib-name go-redis", "+OK "},
		{"COMMAND COUNT", ":17 "},
		{"COMMAND DOCS", "*0 "},
		{"COMMAND INFO ping nope", "*2 *10 $4 ping :-1 *0 :0 :0 :0 *0 *0 *0 *0 $-1 "},
		{"PUBLISH __sentinel__:hello x", ":1 "},
		{"QUIT", "+OK "},
		{"HELLO 3", "%6 $6 server $5 redis $7 version $6 7.0.15 $5 proto :3 $2 id :ID $4 mode $8 sentinel $7 modules *0 "},
	} {
		conn := dial(t, s)
		got := oneLine(ask(t, conn, tc.send))
		if i := strings.Index(got, "$2 id :"); i >= 0 {
			rest := got[i+len("$2 id :"):]
			got = got[:i] + "$2 id :ID" + rest[strings.IndexByte(rest, ' '):]
		}
		if got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.send, got, tc.want)
		}
		conn.Close()
	}
}

// RESP3 has maps, pushes and nulls of its own.
func TestRESP3Shapes(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	conn := dial(t, s)
	ask(t, conn, "HELLO 3")
	for _, tc := range []struct{ send, prefix string }{
		{"SENTINEL MASTER master", "%20 $4 name $6 master $2 ip $8 10.0.0.1 $4 port $4 6379 "},
		{"SENTINEL MASTERS", "*1 %20 $4 name "},
		{"SENTINEL REPLICAS master", "*2 %21 $4 name $13 10.0.0.2:6379 "},
		{"SENTINEL SENTINELS master", "*2 %14 $4 name $40 "},
		{"SENTINEL CONFIG GET *", "%6 $17 resolve-hostnames "},
		{"SENTINEL DEBUG", "%13 $11 INFO-PERIOD $5 10000 "},
		{"SENTINEL INFO-CACHE master", "*2 $6 master *3 *2 :0 $"},
		{"SENTINEL GET-MASTER-ADDR-BY-NAME x", "_ "},
		{"CLIENT GETNAME", "_ "},
		{"INFO sentinel", "$251 # Sentinel sentinel_masters:1 "},
		{"SUBSCRIBE +switch-master", ">3 $9 subscribe $14 +switch-master :1 "},
		{"SENTINEL MYID", "$40 "}, // other commands go on while subscribed
		{"UNSUBSCRIBE", ">3 $11 unsubscribe $14 +switch-master :0 "},
		{"UNSUBSCRIBE", ">3 $11 unsubscribe _ :0 "},
	} {
		got := oneLine(ask(t, conn, tc.send))
		if !strings.HasPrefix(got, tc.prefix) {
			t.Errorf("%s\n got %s\nwant %s...", tc.send, got, tc.prefix)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	for _, tc := range []struct{ send, part string }{
		{"SENTINEL MONITOR a 127.0.0.1 1 2", "Raft decides"},
		{"SENTINEL REMOVE master", "pingd remove"},
		{"SENTINEL SIMULATE-FAILURE crash-after-election", "Raft decides"},
		{"SENTINEL CONFIG SET announce-ip 1.2.3.4", "--advertise"},
		{"SENTINEL SET master notification-script /bin/x", "scripts"},
		{"SHUTDOWN", "SIGTERM"},
	} {
		if got := ask(t, dial(t, s), tc.send); !strings.HasPrefix(got, "-ERR ") || !strings.Contains(got, tc.part) {
			t.Errorf("%s: %s", tc.send, got)
		}
	}
}

func TestSettingsAreStoredAndShown(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	conn := dial(t, s)
	for _, line := range []string{
		"SENTINEL SET master quorum 3 down-after-milliseconds 777 failover-timeout 888 parallel-syncs 9",
		"SENTINEL SET master auth-pass x auth-user y master-reboot-down-after-period 0 rename-command a b",
		"SENTINEL DEBUG ping-period 55",
	} {
		if got := ask(t, conn, line); got != "+OK\r\n" {
			t.Errorf("%s: %s", line, got)
		}
	}
	got := oneLine(ask(t, conn, "SENTINEL MASTER master", "SENTINEL DEBUG"))
	for _, want := range []string{
		"quorum $1 3 ", "down-after-milliseconds $3 777 ", "failover-timeout $3 888 ", "parallel-syncs $1 9 ", "PING-PERIOD $2 55 ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not shown in %s", want, got)
		}
	}
}

// Before a leader was ever seen there is no master to tell.
func TestBeforeTheFirstLeader(t *testing.T) {
	s := start(t, newFakeCluster(View{Self: "a", Nodes: three().Nodes}))
	for _, tc := range []struct{ send, want string }{
		{"SENTINEL MASTERS", "*0 "},
		{"SENTINEL MASTER master", "-ERR No such master with that name "},
		{"SENTINEL GET-MASTER-ADDR-BY-NAME master", "*-1 "},
		{"SENTINEL SET master quorum 1", "-ERR No such master with that name "},
		{"ROLE", "*2 $8 sentinel *0 "},
	} {
		if got := oneLine(ask(t, dial(t, s), tc.send)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.send, got, tc.want)
		}
	}
	if got := ask(t, dial(t, s), "INFO"); strings.Contains(got, "master0:") || !strings.Contains(got, "sentinel_masters:0") {
		t.Error(got)
	}
}

// Between two leaders clients are told the old one, flagged as down.
func TestWithoutLeader(t *testing.T) {
	cluster := newFakeCluster(three())
	s := start(t, cluster)
	conn := dial(t, s)
	ask(t, conn, "PING")
	s.refresh()
	cluster.set(dies(dies(three(), "a"), "b"))
	got := oneLine(ask(t, conn, "SENTINEL GET-MASTER-ADDR-BY-NAME master", "SENTINEL MASTER master", "INFO sentinel",
		"SENTINEL CKQUORUM master", "SENTINEL FAILOVER master"))
	for _, want := range []string{
		"*2 $8 10.0.0.1 $4 6379 ", "flags $20 s_down,o_down,master ", "s-down-time $", "o-down-time $", "status=odown,",
		"-NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified quorum for this master. " +
			"Not enough available Sentinels to reach the majority and authorize a failover ",
		"-NOGOODSLAVE No suitable replica to promote ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %s", want, got)
		}
	}
}

func TestFailover(t *testing.T) {
	cluster := newFakeCluster(three())
	cluster.failover = func(context.Context) error {
		cluster.set(leads(three(), "b"))
		return nil
	}
	s := start(t, cluster)
	sub := dial(t, s)
	ask2(t, sub, "SUBSCRIBE +try-failover +switch-master\r\n", "+switch-master\r\n:2\r\n")
	conn := dial(t, s)
	if got := oneLine(ask(t, conn, "SENTINEL FAILOVER master", "SENTINEL GET-MASTER-ADDR-BY-NAME master")); got != "+OK *2 $8 10.0.0.2 $4 6379 " {
		t.Errorf("got %s", got)
	}
	got := oneLine(readUntil(t, sub, "10.0.0.2 6379\r\n"))
	if !strings.Contains(got, "$13 +try-failover $27 master master 10.0.0.1 6379 ") ||
		!strings.Contains(got, "$7 message $14 +switch-master $34 master 10.0.0.1 6379 ") {
		t.Errorf("messages %s", got)
	}

	entered, release := make(chan struct{}), make(chan struct{})
	cluster.failover = func(context.Context) error {
		close(entered)
		<-release
		return errors.New("no voter\ncaught up")
	}
	first := make(chan string, 1)
	go func() { first <- ask(t, conn, "SENTINEL FAILOVER master") }()
	<-entered
	if got := ask(t, dial(t, s), "SENTINEL FAILOVER master"); got != "-INPROG Failover already in progress\r\n" {
		t.Errorf("second at the same time: %s", got)
	}
	close(release)
	if got := <-first; got != "-ERR failover: no voter caught up\r\n" {
		t.Errorf("failed one: %s", got)
	}
}

// ask2 sends raw bytes and reads up to mark.
func ask2(t *testing.T, conn net.Conn, send, mark string) string {
	t.Helper()
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	return readUntil(t, conn, mark)
}

func TestSubscriptions(t *testing.T) {
	cluster := newFakeCluster(three())
	s := start(t, cluster)
	s.refresh()
	conn := dial(t, s)
	got := oneLine(ask2(t, conn, "PSUBSCRIBE [-+]sdown\r\nSUBSCRIBE +odown\r\nGET x\r\nSENTINEL MASTERS\r\nPING\r\n", "pong\r\n$0\r\n\r\n"))
	want := "*3 $10 psubscribe $9 [-+]sdown :1 *3 $9 subscribe $6 +odown :2 " +
		"-ERR unknown command 'GET', with args beginning with: 'x'  " +
		"-ERR Can't execute 'sentinel': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context " +
		"*2 $4 "
	if got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	cluster.set(dies(three(), "a"))
	got = oneLine(readUntil(t, conn, "#quorum 2/2\r\n"))
	want = "*4 $8 pmessage $9 [-+]sdown $6 +sdown $27 master master 10.0.0.1 6379 *3 $7 message $6 +odown $39 master master 10.0.0.1 6379 "
	if got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	got = oneLine(ask2(t, conn, "UNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nRESET\r\n", "+RESET\r\n"))
	if want = "*3 $11 unsubscribe $6 +odown :1 *3 $12 punsubscribe $9 [-+]sdown :0 *3 $12 punsubscribe $-1 :0 "; got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}

func TestTooManySubscriptions(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	conn := dial(t, s)
	var names []string
	for i := range maxSubscriptions + 1 {
		names = append(names, fmt.Sprint("c", i))
	}
	got := ask2(t, conn, "SUBSCRIBE "+strings.Join(names, " ")+"\r\n", "too long a name\r\n")
	if n := strings.Count(got, "subscribe"); n != maxSubscriptions {
		t.Errorf("%d subscriptions", n)
	}
}

// A subscriber that reads nothing is cut off; nobody waits for it.
func TestSlowSubscriber(t *testing.T) {
	cluster := newFakeCluster(three())
	s := start(t, cluster, func(c *Config) { c.WriteTimeout = 100 * time.Millisecond })
	conn := dial(t, s)
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	ask2(t, conn, "PSUBSCRIBE *\r\n", ":1\r\n")
	text := strings.Repeat("x", 64<<10)
	deadline := time.Now().Add(10 * time.Second)
	for s.Status().(Status).Clients > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the slow subscriber is still there")
		}
		s.tell(Event{Channel: "+test", Text: text})
	}
}

func TestAuth(t *testing.T) {
	s := start(t, newFakeCluster(three()), func(c *Config) { c.Secret = "right" })
	const first = "-NOAUTH Authentication required. "
	const helloFirst = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> " +
		"AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
	for _, tc := range []struct{ send, want string }{
		{"SENTINEL MASTERS", first},
		{"INFO", first},
		{"SUBSCRIBE x", first},
		{"AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled. "},
		{"AUTH other right", "-WRONGPASS invalid username-password pair or user is disabled. "},
		{"AUTH a b c", "-ERR syntax error "},
		{"HELLO", "-" + helloFirst + " "},
		{"HELLO 3 AUTH default wrong", "-WRONGPASS invalid username-password pair or user is disabled. "},
		{"HELLO 9", "-NOPROTO unsupported protocol version "},
		{"HELLO x", "-ERR Protocol version is not an integer or out of range "},
		{"HELLO 3 WHAT", "-ERR Syntax error in HELLO option 'WHAT' "},
		{"AUTH right\r\nSENTINEL GET-MASTER-ADDR-BY-NAME master", "+OK *2 $8 10.0.0.1 $4 6379 "},
		{"AUTH default right\r\nROLE\r\nRESET\r\nROLE", "+OK *2 $8 sentinel *1 $6 master +RESET " + first},
	} {
		conn := dial(t, s)
		got := oneLine(ask2(t, conn, tc.send+"\r\nQUIT\r\n", "+OK\r\n"))
		if strings.HasPrefix(tc.want, "+OK ") {
			got = "+OK " + oneLine(readUntil(t, conn, "+OK\r\n"))
		}
		if got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.send, got, tc.want)
		}
	}
	conn := dial(t, s)
	if got := ask(t, conn, "HELLO 3 AUTH default right SETNAME me", "CLIENT GETNAME"); !strings.HasPrefix(got, "%6\r\n") || !strings.HasSuffix(got, "$2\r\nme\r\n") {
		t.Errorf("HELLO with password: %s", oneLine(got))
	}
	// A stranger cannot make us hold much.
	conn = dial(t, s)
	if got := readAll(t, conn, "*11\r\n"); got != "-ERR Protocol error: unauthenticated multibulk length\r\n" {
		t.Errorf("11 arguments before AUTH: %q", got)
	}
	conn = dial(t, s)
	if got := readAll(t, conn, "*1\r\n$16385\r\n"); got != "-ERR Protocol error: unauthenticated bulk length\r\n" {
		t.Errorf("16,385 bytes before AUTH: %q", got)
	}
}

// readAll sends bytes and reads until the server hangs up.
func readAll(t *testing.T, conn net.Conn, send string) string {
	t.Helper()
	return ask2(t, conn, send, "\x00 never")
}

func TestGarbageEndsTheConnectionOnly(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	for _, tc := range []struct{ send, want string }{
		{"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"*2000000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"},
		{"*1\r\n$100000\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"PING \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
	} {
		if got := readAll(t, dial(t, s), tc.send); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.send, got, tc.want)
		}
	}
	if got := ask(t, dial(t, s), "PING"); got != "+PONG\r\n" {
		t.Errorf("after the garbage: %q", got)
	}
}

func TestMaxClients(t *testing.T) {
	s := start(t, newFakeCluster(three()), func(c *Config) { c.MaxClients = 2 })
	for range 2 {
		ask(t, dial(t, s), "PING")
	}
	if got := readAll(t, dial(t, s), ""); got != "-ERR max number of clients reached\r\n" {
		t.Errorf("third client: %q", got)
	}
	if st := s.Status().(Status); st.Refused != 1 || st.Clients != 2 || st.Accepted != 3 || st.Master != "10.0.0.1:6379" {
		t.Errorf("status %+v", st)
	}
}

// Strangers who take every place keep nobody out who knows the password.
func TestStrangersDoNotKeepOthersOut(t *testing.T) {
	s := start(t, newFakeCluster(three()), func(c *Config) { c.MaxClients, c.Secret = 2, "sesame" })
	var strangers []net.Conn
	for range 5 {
		c := dial(t, s)
		ask2(t, c, "PING\r\n", "-NOAUTH Authentication required.\r\n")
		strangers = append(strangers, c)
	}
	var known []net.Conn
	for range 2 {
		c := dial(t, s)
		if got := ask(t, c, "AUTH sesame"); got != "+OK\r\n" {
			t.Fatalf("AUTH among strangers: %q", got)
		}
		known = append(known, c)
	}
	for _, c := range strangers {
		if got := readAll(t, c, ""); got != "" {
			t.Errorf("a stranger was told %q", got)
		}
	}
	if got := readAll(t, dial(t, s), ""); got != "-ERR max number of clients reached\r\n" {
		t.Errorf("third client: %q", got)
	}
	for _, c := range known {
		if got := ask(t, c, "PING"); got != "+PONG\r\n" {
			t.Errorf("PING: %q", got)
		}
	}
}

// An HTTP request must not run commands from its body.
func TestHTTPRequestsAreClosed(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	for request, want := range map[string]string{
		"POST / HTTP/1.1\r\nHost: x\r\n\r\nPING\r\n": "-ERR unknown command 'POST', with args beginning with: '/' 'HTTP/1.1' \r\n",
		"host: x\r\nPING\r\n":                        "-ERR unknown command 'host:', with args beginning with: 'x' \r\n",
	} {
		if got := readAll(t, dial(t, s), request); got != want {
			t.Errorf("%q: %q", request, got)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		part string
	}{
		{Config{Addr: "127.0.0.1:0"}, "no cluster"},
		{Config{Addr: "127.0.0.1:0", Cluster: newFakeCluster(View{}), MasterName: "a b"}, "hint: --master-name"},
		{Config{Addr: "256.1.1.1:x", Cluster: newFakeCluster(View{})}, "hint: --sentinel-addr"},
	} {
		if _, err := New(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.part) {
			t.Errorf("%v, want %q", err, tc.part)
		}
	}
	s, err := New(Config{Addr: "127.0.0.1:0", Cluster: newFakeCluster(three())})
	if err != nil || s.Close() != nil || s.Addrs()["sentinel"] == "" {
		t.Errorf("New and Close: %v", err)
	}
}

// FuzzCommands feeds one connection's bytes to the handler.
func FuzzCommands(f *testing.F) {
	for _, seed := range []string{
		"SENTINEL MASTERS\r\n", "HELLO 3\r\nSENTINEL REPLICAS master\r\n", "*2\r\n$4\r\nPING\r\n$1\r\nx\r\n",
		"PSUBSCRIBE [a- *\r\nRESET\r\n", "SENTINEL SET master quorum x\r\n", "SENTINEL DEBUG a\r\n", "CLIENT LIST\r\n",
		"AUTH a b\r\nINFO all\r\nROLE\r\nCOMMAND INFO x\r\nQUIT\r\n", "SENTINEL CONFIG GET [\r\n",
	} {
		f.Add([]byte(seed))
	}
	s, err := New(Config{Addr: "127.0.0.1:0", Cluster: newFakeCluster(three())})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, in []byte) {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Write(in)
			theirs.Close()
		}()
		c := newClient(s, &recorder{Conn: ours})
		c.serve(t.Context())
		out := c.conn.(*recorder).out.String()
		if out != "" && !strings.ContainsRune("+-:$*%_=>", rune(out[0])) {
			t.Errorf("reply begins with %q", out[0])
		}
		if out != "" && !strings.HasSuffix(out, "\r\n") {
			t.Errorf("reply ends with %q", out[max(0, len(out)-8):])
		}
	})
}

// recorder keeps what is written to a connection.
type recorder struct {
	net.Conn
	out strings.Builder
}

func (r *recorder) Write(b []byte) (int, error) { return r.out.Write(b) }

// CLIENT LIST shows all clients and what they said of themselves; CLIENT KILL ends
// those that it names.
func TestClientListAndKill(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	a, b := dial(t, s), dial(t, s)
	ask(t, a, "HELLO 3 SETNAME boss", "CLIENT SETINFO LIB-NAME lib")
	ask(t, b, "CLIENT SETNAME other")
	ask2(t, b, "SUBSCRIBE +switch-master\r\n", ":1\r\n")
	var got string
	for range 100 { // b's line is that of its last commands, which may be a moment ago
		if got = ask(t, a, "CLIENT LIST"); strings.Contains(got, "sub=1") {
			break
		}
	}
	for _, want := range []string{
		"id=1 ", " name=boss ", " cmd=client|list ", " resp=3 lib-name=lib ", "id=2 ", " name=other ", " flags=P ", " sub=1 ", " cmd=subscribe ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if got := ask(t, a, "CLIENT KILL TYPE pubsub"); got != ":1\r\n" {
		t.Errorf("kill: %q", got)
	}
	if got := readUntil(t, b, "never"); got != "" {
		t.Errorf("the killed one reads %q", got)
	}
	if got := ask(t, a, "CLIENT KILL ID 1 SKIPME no"); got != ":1\r\n" {
		t.Errorf("killing itself: %q", got)
	}
}

func TestReplyModes(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	conn := dial(t, s)
	if got := ask2(t, conn, "CLIENT REPLY SKIP\r\nROLE\r\nPING\r\nCLIENT REPLY OFF\r\nROLE\r\nPING\r\nCLIENT REPLY ON\r\n", "+OK\r\n"); got != "+PONG\r\n" {
		t.Errorf("%q", got)
	}
}

// largest notes the largest piece that is written to a connection.
type largest struct {
	net.Conn
	most int
}

func (l *largest) Write(b []byte) (int, error) {
	l.most = max(l.most, len(b))
	return l.Conn.Write(b)
}

// Strangers, of whom there may be many, are told little at once.
func TestStrangersHoldLittle(t *testing.T) {
	s := start(t, newFakeCluster(three()), func(c *Config) { c.Secret = "sesame" })
	near, far := net.Pipe()
	wide := &largest{Conn: near}
	done := make(chan struct{})
	go func() {
		defer close(done)
		newClient(s, wide).serve(t.Context())
	}()
	go io.Copy(io.Discard, far)                                                 // ends with the connection
	if _, err := io.WriteString(far, strings.Repeat("x\n", 8000)); err != nil { // a buffer full
		t.Fatal(err)
	}
	_ = far.Close()
	<-done
	if wide.most > 4<<10 {
		t.Errorf("%d bytes are held for a stranger", wide.most)
	}
}

// Who subscribes to nothing any more, or was refused, is no subscriber to INFO.
func TestSubscribersAreCounted(t *testing.T) {
	s := start(t, newFakeCluster(three()))
	conn := dial(t, s)
	for _, step := range []struct {
		send, mark string
		want       int
	}{
		{"SUBSCRIBE a\r\n", "$1\r\na\r\n:1\r\n", 1},
		{"UNSUBSCRIBE a\r\n", "$1\r\na\r\n:0\r\n", 0},
		{"PSUBSCRIBE *\r\n", "$1\r\n*\r\n:1\r\n", 1},
		{"RESET\r\n", "+RESET\r\n", 0},
		{"SUBSCRIBE " + strings.Repeat("x", maxChannelName+1) + "\r\n", "too long a name\r\n", 0},
	} {
		ask2(t, conn, step.send, step.mark)
		if n := s.hub.count(); n != step.want {
			t.Errorf("after %.20q: %d subscribers, want %d", step.send, n, step.want)
		}
	}
}
