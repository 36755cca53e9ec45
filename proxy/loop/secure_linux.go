//go:build amd64 || arm64

package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"

	"pingd/proxy/wire"
)

// session is what a client that speaks TLS has beside its connection. The handshake is
// over: that is a goroutine's work. TLS reads from and writes to the loop's pipe, which
// has what the socket gave and gets what the socket is to take.
type session struct {
	conn *tls.Conn
	by   *wire.Carrier
	// kept is what the socket has not taken yet. As long as there is some, the last byte
	// of what it is made of counts as not sent, so that the machine waits.
	kept []byte
	owed bool
}

const (
	// plainSize is more than the text of one read can be, with what was left of a record
	// before it.
	plainSize = bodySize + 20<<10
	// mostKept bounds what TLS itself has to say to a client that takes nothing.
	mostKept = 1 << 20
)

// pipe is what TLS reads and writes while a loop is at work for a client.
type pipe struct {
	in    []byte
	ended bool // nothing comes behind in
	out   []byte
}

// again is the error of a read that there is nothing for yet.
type again struct{}

func (again) Error() string   { return "nothing to read yet" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) {
	switch {
	case len(p.in) > 0:
		n := copy(b, p.in)
		p.in = p.in[n:]
		return n, nil
	case p.ended:
		return 0, io.EOF
	}
	return 0, again{}
}

// Write implements io.Writer.
func (p *pipe) Write(b []byte) (int, error) {
	p.out = append(p.out, b...)
	return len(b), nil
}

// Admit takes over the client at from, which speaks TLS by conn on by and HTTP/1 over it.
// It is false, and nothing has changed, where that cannot be: the loops are about to
// stop. The connection has its room in the Gate, which is given back at its end.
func (e *Engine) Admit(conn *tls.Conn, by *wire.Carrier, from netip.Addr) bool {
	e.admitting.RLock()
	defer e.admitting.RUnlock()
	tcp, ok := by.NetConn().(*net.TCPConn)
	if e.leaving || !ok {
		return false
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return false // out of descriptors
	}
	_ = tcp.Close()
	to := e.loops[0]
	for _, l := range e.loops[1:] {
		if l.clients.Load() < to.clients.Load() {
			to = l
		}
	}
	to.clients.Add(1)
	to.post(func(l *loop) { l.admitSecure(fd, from, &session{conn: conn, by: by}) })
	return true
}

// duplicate returns another descriptor of a connection, which Go's poller does not know.
func duplicate(conn syscall.Conn) (int32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	var dup uintptr
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		dup, _, errno = syscall.RawSyscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return int32(dup), err
}

// admitSecure begins to serve the client of a session.
func (l *loop) admitSecure(fd int32, from netip.Addr, s *session) {
	if l.plain == nil {
		l.plain = make([]byte, plainSize)
	}
	s.by.Detach(&l.pipe)
	if c := l.admit(fd, from, s); c != nil {
		c.decrypt(nil, false) // its first request may have come with the handshake
	}
}

// readSecure takes in what was read, with TLS.
func (c *client) readSecure(p []byte, errno syscall.Errno) {
	switch {
	case errno == syscall.EAGAIN:
	case errno == 0:
		c.decrypt(p, len(p) == 0)
	case c.m == nil:
		c.close(true)
	default:
		c.m.ClientFailed()
		c.drive()
	}
}

// decrypt takes in ciphertext, or the end of it.
func (c *client) decrypt(p []byte, ended bool) {
	l, s := c.l, c.tls
	l.pipe.in, l.pipe.ended, l.pipe.out = p, ended, l.cipher[:0]
	n, err := 0, error(nil)
	for err == nil && n < len(l.plain) {
		var m int
		m, err = s.conn.Read(l.plain[n:])
		n += m
	}
	l.pipe.in = nil
	l.cipher = l.pipe.out[:0]
	if !c.say(l.pipe.out) {
		err = net.ErrClosed
	}
	if n > 0 {
		c.begin()
		c.m.Client(l.plain[:n])
	}
	_, more := err.(again) //nolint:errorlint // as it was given, and often
	switch {
	case more && c.m == nil:
		return
	case more:
	case c.m == nil:
		c.close(false)
		return
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		c.m.ClientEnded()
	default: // what came is not what TLS allows
		c.m.ClientFailed()
	}
	c.drive()
}

// say sends what TLS itself has to say. It is false when that cannot be done.
func (c *client) say(p []byte) bool {
	s := c.tls
	if len(p) == 0 {
		return true
	}
	if len(s.kept) > 0 {
		s.kept = append(s.kept, p...)
		return len(s.kept) < mostKept
	}
	n, errno := write(c.fd, p, nil)
	return errno == 0 && n == len(p)
}

// writeSecure is write, with TLS.
func (c *client) writeSecure(a, b []byte) bool {
	l, s := c.l, c.tls
	if len(s.kept) > 0 {
		return c.flush()
	}
	l.pipe.out = l.cipher[:0]
	_, err := s.conn.Write(a)
	if err == nil && len(b) > 0 {
		_, err = s.conn.Write(b)
	}
	out := l.pipe.out
	l.cipher = out[:0]
	n, errno := write(c.fd, out, nil)
	if err != nil || errno != 0 {
		c.m.ClientFailed()
		return false
	}
	sent := len(a) + len(b)
	if n < len(out) {
		s.kept, s.owed = append(s.kept[:0], out[n:]...), true
		sent--
	}
	c.m.ClientSent(sent)
	return true
}

// flush writes what was kept. It is false when the client is gone.
func (c *client) flush() bool {
	s := c.tls
	n, errno := write(c.fd, s.kept, nil)
	if errno != 0 {
		c.m.ClientFailed()
		return false
	}
	if s.kept = s.kept[n:]; len(s.kept) > 0 {
		c.m.ClientSent(0) // it has taken something
		return true
	}
	s.kept = nil
	if s.owed {
		s.owed = false
		c.m.ClientSent(1)
	}
	return true
}

// farewell tells the client that nothing more is sent, unless it has not even taken what
// was.
func (c *client) farewell() {
	l, s := c.l, c.tls
	if len(s.kept) > 0 {
		return
	}
	l.pipe.out = l.cipher[:0]
	_ = s.conn.CloseWrite()
	l.cipher = l.pipe.out[:0]
	_ = c.say(l.pipe.out)
}

// adoptSecure is adopt for the client of a session.
func (e *Engine) adoptSecure(fd int32, early []byte, s *session) {
	e.adopting.Go(func() {
		f := os.NewFile(uintptr(fd), "client")
		conn, err := net.FileConn(f)
		_ = f.Close()
		if err != nil {
			e.cfg.Exchange.Logger.Warn("hand over a client", "err", err)
			e.cfg.Exchange.Gate.Leave()
			return
		}
		s.by.Attach(conn)
		if len(s.kept) > 0 {
			_, _ = conn.Write(s.kept) // a client that is gone is noticed soon enough
		}
		e.cfg.Adopt(s.conn, early)
	})
}
