package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// ErrProtocol means that what came is no RESP2 reply.
var ErrProtocol = errors.New("not a RESP reply")

// Error is an error reply, without the leading minus.
type Error string

// Error returns the reply's text.
func (e Error) Error() string { return string(e) }

// Reply is one reply. Nil bulks, arrays and RESP3's null have Nil set. A map's Items
// are its keys and values in turn.
type Reply struct {
	Kind  byte // the first byte of the reply: '+', '-', ':', '$', '*', and those of RESP3
	Text  string
	Int   int64
	Items []Reply
	Nil   bool
}

// AppendCommand appends one command in the form that clients send.
func AppendCommand(dst []byte, args ...string) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(args)), 10)
	dst = append(dst, '\r', '\n')
	for _, arg := range args {
		dst = append(dst, '$')
		dst = strconv.AppendInt(dst, int64(len(arg)), 10)
		dst = append(dst, '\r', '\n')
		dst = append(dst, arg...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// maxDepth and maxItems bound what a confused server can make a test hold.
const (
	maxDepth = 8
	maxItems = 1 << 20
	maxBulk  = 64 << 20
)

// Conn is one connection. It is for one goroutine at a time.
type Conn struct {
	net net.Conn
	in  *bufio.Reader
}

type secured struct{} // key of a *tls.Config in a context

// WithTLS returns a context with which Dial and Ask speak TLS as cfg says: how the
// systems under test are spoken to is the same for everybody who asks them. A nil
// cfg changes nothing.
func WithTLS(ctx context.Context, cfg *tls.Config) context.Context {
	if cfg == nil {
		return ctx
	}
	return context.WithValue(ctx, secured{}, cfg)
}

// TLSOf returns what WithTLS put in, nil without it.
func TLSOf(ctx context.Context) *tls.Config {
	cfg, _ := ctx.Value(secured{}).(*tls.Config)
	return cfg
}

// Dial connects to addr.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	var d interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	} = &net.Dialer{}
	if cfg := TLSOf(ctx); cfg != nil {
		d = &tls.Dialer{Config: cfg}
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return NewConn(conn), nil
}

// NewConn speaks over conn, which Close then closes.
func NewConn(conn net.Conn) *Conn {
	return &Conn{net: conn, in: bufio.NewReaderSize(conn, 16<<10)}
}

// Close closes the connection.
func (c *Conn) Close() error { return c.net.Close() }

// SetDeadline bounds everything that follows; the zero time removes the bound.
func (c *Conn) SetDeadline(t time.Time) error { return c.net.SetDeadline(t) }

// Send writes encoded commands.
func (c *Conn) Send(encoded []byte) error {
	_, err := c.net.Write(encoded)
	return err
}

// ReadInt reads one integer reply, without an allocation. An error reply is an
// error of type Error, after which the connection is still in step.
func (c *Conn) ReadInt() (int64, error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	switch line[0] {
	case ':':
		return parseInt(line[1:])
	case '-':
		return 0, Error(line[1:])
	default:
		return 0, fmt.Errorf("read integer: %w: %.40q", ErrProtocol, line)
	}
}

// line reads up to CRLF and returns what is before it: at least one byte.
func (c *Conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return nil, fmt.Errorf("read line: %w: %.40q", ErrProtocol, line)
	}
	return line[:len(line)-2], nil
}

func parseInt(digits []byte) (int64, error) {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read number: %w: %.40q", ErrProtocol, digits)
	}
	return n, nil
}

// Read reads one reply of any kind. An error reply is no Go error here: its
// Kind is '-'.
func (c *Conn) Read() (Reply, error) { return c.read(0) }

func (c *Conn) read(depth int) (Reply, error) {
	line, err := c.line()
	if err != nil {
		return Reply{}, err
	}
	r := Reply{Kind: line[0]}
	switch r.Kind {
	case '+', '-', ',', '#', '(':
		r.Text = string(line[1:])
		return r, nil
	case '_':
		r.Nil = true
		return r, nil
	case ':':
		r.Int, err = parseInt(line[1:])
		return r, err
	case '$', '=', '*', '~', '>', '%':
		n, err := parseInt(line[1:])
		if err != nil {
			return Reply{}, err
		}
		return c.body(r, n, depth)
	default:
		return Reply{}, fmt.Errorf("read reply: %w: %.40q", ErrProtocol, line)
	}
}

// body reads what follows a length.
func (c *Conn) body(r Reply, n int64, depth int) (Reply, error) {
	bulk := r.Kind == '$' || r.Kind == '='
	switch {
	case n == -1:
		r.Nil = true
		return r, nil
	case n < 0, bulk && n > maxBulk, !bulk && (n > maxItems || depth == maxDepth):
		return Reply{}, fmt.Errorf("read length %d: %w", n, ErrProtocol)
	case bulk:
		text := make([]byte, n+2)
		if _, err := io.ReadFull(c.in, text); err != nil {
			return Reply{}, err
		}
		r.Text = string(text[:n])
		return r, nil
	}
	if r.Kind == '%' {
		n *= 2
	}
	for range n {
		item, err := c.read(depth + 1)
		if err != nil {
			return Reply{}, err
		}
		r.Items = append(r.Items, item)
	}
	return r, nil
}

// Ask dials addr, sends one command and reads its reply; an error reply is an
// error of type Error. ctx bounds the whole.
func Ask(ctx context.Context, addr string, args ...string) (Reply, error) {
	return AskAs(ctx, addr, "", args...)
}

// AskAs is Ask after AUTH with password, unless that is empty.
func AskAs(ctx context.Context, addr, password string, args ...string) (Reply, error) {
	c, err := Dial(ctx, addr)
	if err != nil {
		return Reply{}, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return Reply{}, fmt.Errorf("bound %s: %w", args[0], err)
		}
	}
	if password != "" {
		if _, err := c.Call("AUTH", password); err != nil {
			return Reply{}, err
		}
	}
	return c.Call(args...)
}

// Call sends one command and reads its reply; an error reply is an error of type
// Error.
func (c *Conn) Call(args ...string) (Reply, error) {
	if err := c.Send(AppendCommand(nil, args...)); err != nil {
		return Reply{}, fmt.Errorf("send %s: %w", args[0], err)
	}
	r, err := c.Read()
	if err != nil {
		return Reply{}, fmt.Errorf("read reply to %s: %w", args[0], err)
	}
	if r.Kind == '-' {
		return Reply{}, Error(r.Text)
	}
	return r, nil
}
