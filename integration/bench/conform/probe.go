package conform

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// quiet is how long nothing must come before an open connection is taken to be
// silent: what is looked at comes over loopback in microseconds.
const quiet = 250 * time.Millisecond

// Seen is what both sides saw of one demand.
type Seen struct {
	Client string // all that the client received
	Closed bool   // the proxy ended the client's connection
	Server string // all that servers received, connection after connection
	Heads  int    // requests that servers received
}

// Status returns the status code of the last response, "" without any.
func (s *Seen) Status() string {
	i := strings.LastIndex(s.Client, "HTTP/1.1 ")
	if i < 0 || len(s.Client) < i+12 {
		return ""
	}
	return s.Client[i+9 : i+12]
}

// Refused reports whether the request was answered with an error, by the proxy,
// which then ended the connection.
func (s *Seen) Refused() bool {
	st := s.Status()
	return s.Closed && len(st) == 3 && (st[0] == '4' || st[0] == '5')
}

// Backend is a server that keeps what it receives and answers as it is told.
type Backend struct {
	ln net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	answer string // what each request gets
	closes bool   // the connection ends with the answer
	reset  bool   // with a reset
	got    strings.Builder
	heads  int
	open   map[net.Conn]bool
}

// NewBackend listens on a free loopback port.
func NewBackend(ctx context.Context) (*Backend, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Backend{ln: ln, answer: hello, open: map[net.Conn]bool{}}
	b.wg.Go(b.accept)
	return b, nil
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// Addr is where it listens.
func (b *Backend) Addr() string { return b.ln.Addr().String() }

// Close ends it and waits for its connections.
func (b *Backend) Close() error {
	err := b.ln.Close()
	b.mu.Lock()
	for c := range b.open {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
	return err
}

func (b *Backend) accept() {
	for {
		c, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.open[c] = true
		b.mu.Unlock()
		b.wg.Go(func() {
			b.serve(c)
			_ = c.Close()
			b.mu.Lock()
			delete(b.open, c)
			b.mu.Unlock()
		})
	}
}

// serve answers each head that comes; bodies are taken down, not understood.
func (b *Backend) serve(c net.Conn) {
	var tail string
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			tail += string(buf[:n])
			b.mu.Lock()
			b.got.Write(buf[:n])
			heads := strings.Count(tail, " HTTP/1.1\r\n") + strings.Count(tail, " HTTP/1.0\r\n")
			whole := strings.Contains(tail, "\r\n\r\n")
			answer, closes, reset := b.answer, b.closes, b.reset
			if whole {
				b.heads += heads
			}
			b.mu.Unlock()
			if whole {
				tail = ""
				_, _ = io.WriteString(c, answer)
				if reset {
					_ = c.(*net.TCPConn).SetLinger(0)
					return
				}
				if closes {
					_ = c.(*net.TCPConn).CloseWrite()
					_ = c.SetReadDeadline(time.Now().Add(quiet))
					_, _ = io.Copy(io.Discard, c)
					return
				}
			}
		}
		if err != nil {
			return
		}
	}
}

func (b *Backend) prepare(d *Demand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer, b.closes, b.reset = d.Answer, d.Ends != 0, d.Ends == 'r'
	if d.Answer == "" && d.Ends == 0 {
		b.answer = hello
	}
	b.got.Reset()
	b.heads = 0
}

// Ask sends the demand to the proxy at addr, behind which b is the only server,
// and returns what was seen.
func Ask(ctx context.Context, addr string, b *Backend, d *Demand) (*Seen, error) {
	b.prepare(d)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, d.Request); err != nil {
		return nil, err
	}
	if d.HalfClose {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return nil, err
		}
	}
	s := &Seen{}
	var got strings.Builder
	buf := make([]byte, 64<<10)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(quiet))
		n, err := conn.Read(buf)
		got.Write(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			s.Closed = true
			break
		}
	}
	s.Client = got.String()
	b.mu.Lock()
	s.Server, s.Heads = b.got.String(), b.heads
	b.mu.Unlock()
	return s, nil
}
