package conformance

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/proxy/exchange"
	"pingd/proxy/front"
	"pingd/proxy/health"
	"pingd/proxy/loop"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
)

func TestMain(m *testing.M) {
	// Loops count among Go's processors; see loop.Config.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	goleak.VerifyTestMain(m)
}

// script is a backend that does with each connection what its test says. The
// function gets the connection, a reader of it, and how many came before.
type script func(c net.Conn, r *bufio.Reader, n int)

// backend runs script and returns the address. Connections on which nothing is
// sent are checks: the script does not see them.
func backend(t *testing.T, do script) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := 0
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				if _, err := r.Peek(1); err != nil {
					return
				}
				mu.Lock()
				n := count
				count++
				mu.Unlock()
				do(c, r, n)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

// readHead returns a head with its empty line.
func readHead(r *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// replies is a script that answers every request with the same bytes; a request
// body is not read.
func replies(raw string) script {
	return func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, raw); err != nil {
				return
			}
		}
	}
}

// early answers before it has read the request's body, and then does what RFC
// 9112 section 9.6 asks of a server that closes: half-close, read on, close.
// Closing at once would make the kernel send a reset when more of the body
// comes, and on a busy machine that can overtake the answer.
func early(raw string) script {
	return func(c net.Conn, r *bufio.Reader, n int) {
		once(raw)(c, r, n)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, r)
	}
}

// once answers the first request with raw and closes.
func once(raw string) script {
	return func(c net.Conn, r *bufio.Reader, _ int) {
		if _, err := readHead(r); err == nil {
			_, _ = io.WriteString(c, raw)
		}
	}
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// engine is one of the two that serve clients.
type engine string

const (
	goroutines engine = "goroutines" // package front
	loops      engine = "loops"      // package loop, with front behind it
	secure     engine = "secure"     // the same, for clients that speak TLS
)

// both runs test against both engines, as far as this system has them.
func both(t *testing.T, test func(*testing.T, engine)) {
	t.Run(string(goroutines), func(t *testing.T) { test(t, goroutines) })
	t.Run(string(loops), func(t *testing.T) {
		if !loop.Supported {
			t.Skip("this system has no event loops")
		}
		test(t, loops)
	})
}

// every is both, and loops for clients that speak TLS.
func every(t *testing.T, test func(*testing.T, engine)) {
	both(t, test)
	t.Run(string(secure), func(t *testing.T) {
		if !loop.Supported {
			t.Skip("this system has no event loops")
		}
		test(t, secure)
	})
}

// env is a running engine.
type env struct {
	t       *testing.T
	addr    string
	set     *upstream.Set
	gate    *exchange.Gate
	stop    func()
	records chan exchange.Record
	adopted atomic.Int64 // clients that loops handed over
	secure  bool         // addr is for TLS
}

// start runs an engine before the backends at addrs, all of them checked once.
func (k engine) start(t *testing.T, change func(*exchange.Config), values ...string) *env {
	t.Helper()
	return k.startDialing(t, nil, change, values...)
}

// startDialing is start with connections to backends made by dial, unless nil.
// Loops make their own.
func (k engine) startDialing(t *testing.T, dial func(context.Context, string) (net.Conn, error), change func(*exchange.Config), values ...string) *env {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &env{t: t, addr: ln.Addr().String(), records: make(chan exchange.Record, 1000)}
	e.set = upstream.NewSet(upstream.Config{Health: health.Config{Interval: 200 * time.Millisecond, FastInterval: 20 * time.Millisecond, Timeout: 10 * time.Second}, Queue: 500 * time.Millisecond, Dial: dial})
	cfg := exchange.Config{
		NoRequestID: true,
		Router:      exchange.To(e.set), Retry: retry.Policy{Connects: 2, Replays: 1}, Via: "pingd",
		Timeouts: exchange.Timeouts{Grace: 2 * time.Second},
		Record: func(r *exchange.Record) {
			cp := *r
			select {
			case e.records <- cp:
			default:
			}
		},
	}
	if change != nil {
		change(&cfg)
	}
	if cfg.Gate == nil {
		cfg.Gate = exchange.NewGate(100)
	}
	e.gate = cfg.Gate
	e.update(values...)
	ctx, cancel := context.WithCancel(t.Context())
	behind, stop := context.WithCancel(context.Background())
	var wg, serving sync.WaitGroup
	wg.Go(func() { e.set.Run(behind) })
	f := front.New(cfg)
	if k != goroutines {
		adopt := func(c net.Conn, early []byte) bool { e.adopted.Add(1); return f.Adopt(c, early) }
		l, err := loop.New(loop.Config{Exchange: cfg, Loops: 2, Sets: []*upstream.Set{e.set}, Adopt: adopt}, ln)
		if err != nil {
			t.Fatal(err)
		}
		if ln = nil; k == secure {
			f.Offload(l.Admit)
			over, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			e.addr, e.secure = over.Addr().String(), true
			serving.Go(func() { _ = f.Listen(ctx, over, serverTLS(t)) })
		}
		serving.Go(func() {
			if err := l.Serve(ctx); err != nil {
				t.Error(err)
			}
		})
		serving.Go(func() { _ = f.Serve(ctx, nil) })
	} else {
		serving.Go(func() {
			if err := f.Serve(ctx, ln); err != nil {
				t.Error(err)
			}
		})
	}
	e.stop = sync.OnceFunc(func() {
		cancel()
		serving.Wait()
		stop()
		wg.Wait()
		e.set.Close()
	})
	t.Cleanup(e.stop)
	until(t, "the first checks", func() bool {
		return !slices.ContainsFunc(e.set.Servers(), func(s *upstream.Server) bool { return s.View().Check == "" })
	})
	return e
}

func (e *env) update(values ...string) {
	e.t.Helper()
	var list []upstream.Backend
	for _, v := range values {
		b, err := upstream.Parse("", v)
		if err != nil {
			e.t.Fatal(err)
		}
		list = append(list, b)
	}
	e.set.Update(list)
}

// until waits for cond.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("timed out waiting: " + what)
		}
	}
}

// peer is a client that speaks raw bytes.
type peer struct {
	t *testing.T
	socket
	r *bufio.Reader
}

// socket is a TCP connection, or TLS on one.
type socket interface {
	net.Conn
	CloseWrite() error
	SetLinger(seconds int) error
}

// tlsSocket is TLS on a TCP connection.
type tlsSocket struct {
	*tls.Conn
	tcp *net.TCPConn
}

func (s tlsSocket) SetLinger(seconds int) error { return s.tcp.SetLinger(seconds) }

// serverTLS is what a server needs to speak TLS.
var serverTLS = func() func(*testing.T) *tls.Config {
	made := sync.OnceValues(func() (*tls.Config, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		like := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a"}, NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
		return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, err
	})
	return func(t *testing.T) *tls.Config {
		t.Helper()
		cfg, err := made()
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
}()

// trusting is what a client needs to speak TLS to serverTLS.
var trusting = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the certificate is made for these tests

// connect makes a connection.
func (e *env) connect() (socket, error) {
	c, err := net.Dial("tcp", e.addr)
	if err != nil {
		return nil, err
	}
	if tcp := c.(*net.TCPConn); e.secure {
		return tlsSocket{tls.Client(tcp, trusting), tcp}, nil
	}
	return c.(*net.TCPConn), nil
}

// forwarded is text, of what a server got, with the scheme that clients use.
func (e *env) forwarded(text string) string {
	if e.secure {
		return strings.ReplaceAll(text, "X-Forwarded-Proto: http\r\n", "X-Forwarded-Proto: https\r\n")
	}
	return text
}

func (e *env) dial() *peer {
	e.t.Helper()
	s, err := e.connect()
	if err != nil {
		e.t.Fatal(err)
	}
	_ = s.SetDeadline(time.Now().Add(20 * time.Second))
	e.t.Cleanup(func() { _ = s.Close() })
	return &peer{t: e.t, socket: s, r: bufio.NewReader(s)}
}

func (p *peer) send(raw string) *peer {
	p.t.Helper()
	if _, err := io.WriteString(p, raw); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// head reads a response head.
func (p *peer) head() string {
	p.t.Helper()
	h, err := readHead(p.r)
	if err != nil {
		p.t.Fatalf("head: %v after %q", err, h)
	}
	return h
}

// body reads n bytes.
func (p *peer) body(n int) string {
	p.t.Helper()
	b := make([]byte, n)
	if m, err := io.ReadFull(p.r, b); err != nil {
		p.t.Fatalf("body: %v after %q", err, b[:m])
	}
	return string(b)
}

// rest reads up to the end of the connection and says how it ended.
func (p *peer) rest() (string, error) {
	b, err := io.ReadAll(p.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("the connection stays open after %q", b)
	}
	return string(b), err
}

// closed checks that the connection ends with nothing more.
func (p *peer) closed() {
	p.t.Helper()
	if rest, err := p.rest(); rest != "" || err != nil {
		p.t.Errorf("rest %q, %v", rest, err)
	}
}

func status(head string) string {
	if f := strings.Fields(head); len(f) > 1 {
		return f[1]
	}
	return head
}
