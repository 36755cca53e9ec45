package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// fresh sends GETs over a new connection each, which is what a port that closes for a
// moment would be noticed by.
func fresh(t *testing.T, url, want string) *getting {
	return startGettingOver(t, &http.Transport{DisableKeepAlives: true}, 4, url, want)
}

// A proxy is replaced by another process, three times, under load over connections
// that are kept and over new ones: nobody notices, and a connection that was upgraded
// before lives on.
func TestProxyIsReplacedUnderLoad(t *testing.T) {
	procs.Need(t, "nginx", "nginx-light")
	for name, loops := range map[string]string{"loops": "0", "goroutines": "-1"} {
		t.Run(name, func(t *testing.T) {
			lab := procs.ForTest(t)
			app, err := peers.StartBackend(within(t), lab, "app", "hello")
			if err != nil {
				t.Fatal(err)
			}
			echo := startEcho(t)
			dir, err := os.MkdirTemp("", "pingd-handover-") // the name of a Unix socket must be short
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			p := startSingle(t, lab, "front0", "proxy", "--proxy-loops="+loops, "--proxy-handover="+filepath.Join(dir, "s"),
				"--backend="+app.Addr, "--route=/echo="+echo)
			rotation(t, p.Admin, app.Addr, true)
			rotation(t, p.Admin, echo, true)
			kept, anew := startGetting(t, "http://"+p.Proxy+"/", "hello"), fresh(t, "http://"+p.Proxy+"/", "hello")
			tunnel := upgrade(t, p.Proxy)
			for i := range 3 {
				kept.more(t, 200)
				anew.more(t, 50)
				next, err := lab.Start(within(t), procs.Spec{
					Name: fmt.Sprintf("front%d", i+1), Path: pingd(t), Args: []string{
						"--role=proxy", "--name=front0", "--data=" + dir, "--proxy-addr=" + p.Proxy, "--admin-addr=" + p.Admin,
						"--proxy-loops=" + loops, "--proxy-handover=" + filepath.Join(dir, "s"), "--backend=" + app.Addr, "--route=/echo=" + echo,
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					eventually(t, func(ctx context.Context) error { return takenOver(ctx, next) })
					tunnel.echo(t) // served by the process that stops
					tunnel.close()
				}
				if err := p.Terminated(within(t)); err != nil {
					t.Fatalf("the process before: %v", err)
				}
				p.Process = next
				rotation(t, p.Admin, app.Addr, true)
			}
			kept.more(t, 200)
			anew.more(t, 50)
			kept.check(t)
			anew.check(t)
			t.Logf("%d requests over kept connections, %d over new ones", kept.done.Load(), anew.done.Load())
			if err := p.Terminate(within(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func takenOver(_ context.Context, p *procs.Process) error {
	text, err := os.ReadFile(p.LogPath())
	if err == nil && !strings.Contains(string(text), "taken over from the process before this one") {
		err = errors.New("not taken over yet")
	}
	return err
}

// Servers come and go under load, by keys in the store: nobody notices, and a
// WebSocket to one of them lives on although that one has left.
func TestMembersChangeUnderLoad(t *testing.T) {
	procs.Need(t, "nginx", "nginx-light")
	lab := procs.ForTest(t)
	p := startSingle(t, lab, "front", "store,proxy")
	eventually(t, procs.Listens(p.Redis))
	eventually(t, func(context.Context) error { // it leads soon
		if got := redisCLI(t, p.Redis, "SET", "warm", "up"); got != "OK" {
			return errors.New(got)
		}
		return nil
	})
	var apps []*peers.Proxy
	for i := range 3 {
		app, err := peers.StartBackend(within(t), lab, fmt.Sprintf("app%d", i+1), "hello")
		if err != nil {
			t.Fatal(err)
		}
		apps = append(apps, app)
		redisCLI(t, p.Redis, "SET", "/app/servers/"+app.Name(), app.Addr)
	}
	for _, app := range apps {
		rotation(t, p.Admin, app.Addr, true)
	}
	echo := startEcho(t)
	redisCLI(t, p.Redis, "SET", "/app/servers/echo", echo)
	rotation(t, p.Admin, echo, true)
	var tunnel *tunnel
	for tunnel == nil { // three of four do not upgrade
		tunnel = tryUpgrade(t, p.Proxy)
	}
	redisCLI(t, p.Redis, "DEL", "/app/servers/echo")
	gone(t, p.Admin, echo)
	tunnel.echo(t)

	load := startGetting(t, "http://"+p.Proxy+"/", "hello")
	for i := range 9 {
		app := apps[i%len(apps)]
		key := "/app/servers/" + app.Name()
		switch i % 3 {
		case 0:
			redisCLI(t, p.Redis, "DEL", key)
			gone(t, p.Admin, app.Addr)
			redisCLI(t, p.Redis, "SET", key, app.Addr)
		case 1:
			redisCLI(t, p.Redis, "SET", key, app.Addr+" weight=5")
		default:
			redisCLI(t, p.Redis, "PEXPIRE", key, "1")
			gone(t, p.Admin, app.Addr)
			redisCLI(t, p.Redis, "SET", key, app.Addr+" maxconn=1000")
		}
		rotation(t, p.Admin, app.Addr, true)
		load.more(t, 50)
		tunnel.echo(t)
	}
	load.check(t)
	tunnel.close()
	t.Logf("%d requests while servers came and went", load.done.Load())
}

// gone waits until a server is not in the proxy's rotation: it may still end what it
// has.
func gone(t *testing.T, admin, addr string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		b, err := row(ctx, admin, addr)
		if err == nil && b.State == "UP" {
			return fmt.Errorf("%s is %s", addr, b.State)
		}
		if s, err2 := proxyStatus(ctx, admin); err2 != nil || len(s.Backends) == 0 {
			return errors.Join(err2, errors.New("no status"))
		}
		return nil
	})
}

// startEcho starts a server that upgrades to a protocol in which every byte is sent
// back, and answers 200 "hello" to those who do not ask for it.
func startEcho(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_, _ = io.WriteString(w, "hello")
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		_, _ = io.Copy(conn, rw)
	})}
	done := make(chan struct{})
	go func() { _ = srv.Serve(ln); close(done) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return ln.Addr().String()
}

// tunnel is an upgraded connection through the proxy.
type tunnel struct {
	conn net.Conn
	r    *bufio.Reader
	n    int
}

func upgrade(t *testing.T, addr string) *tunnel {
	t.Helper()
	if u := tryUpgrade(t, addr); u != nil {
		return u
	}
	t.Fatal("not upgraded")
	return nil
}

// tryUpgrade returns nil if the server did not upgrade.
func tryUpgrade(t *testing.T, addr string) *tunnel {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	u := &tunnel{conn: conn, r: bufio.NewReader(conn)}
	res, err := http.ReadResponse(u.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		_ = conn.Close()
		return nil
	}
	t.Cleanup(u.close)
	return u
}

// echo sends a line and waits for it.
func (u *tunnel) echo(t *testing.T) {
	t.Helper()
	u.n++
	line := fmt.Sprintf("line %d\n", u.n)
	if _, err := io.WriteString(u.conn, line); err != nil {
		t.Fatalf("upgraded connection: %v", err)
	}
	if got, err := u.r.ReadString('\n'); err != nil || got != line {
		t.Fatalf("upgraded connection: %q, %v", got, err)
	}
}

func (u *tunnel) close() { _ = u.conn.Close() }
