package drive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrAnswer means that a visit was answered by something else than a number.
var ErrAnswer = errors.New("answer is no number")

// visitor is one keep-alive client. Go's own client is not used: it sends a GET
// again when a kept connection dies, and such a visit may count twice.
type visitor struct {
	host    string // host:port
	request []byte
	timeout time.Duration

	conn net.Conn
	in   *bufio.Reader
}

func newVisitor(target string, timeout time.Duration) (*visitor, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("parse url: %w", err)
	}
	if u.Scheme != "http" || u.Hostname() == "" {
		return nil, fmt.Errorf("visit %q: want http://host[:port]/path", target)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	return &visitor{
		host:    host,
		request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host),
		timeout: timeout,
	}, nil
}

// visit makes one visit and returns its number. After an error the next visit
// has a connection of its own.
func (v *visitor) visit(ctx context.Context) (int64, error) {
	number, keep, err := v.try(ctx)
	if (err != nil || !keep) && v.conn != nil {
		v.close()
	}
	return number, err
}

func (v *visitor) close() {
	if v.conn != nil {
		v.conn.Close()
		v.conn = nil
	}
}

func (v *visitor) try(ctx context.Context) (number int64, keep bool, err error) {
	deadline := time.Now().Add(v.timeout)
	if v.conn == nil {
		d := net.Dialer{Deadline: deadline}
		if v.conn, err = d.DialContext(ctx, "tcp", v.host); err != nil {
			return 0, false, fmt.Errorf("connect: %w", err)
		}
		v.in = bufio.NewReaderSize(v.conn, 4<<10)
	}
	if err := v.conn.SetDeadline(deadline); err != nil {
		return 0, false, err
	}
	if _, err := v.conn.Write(v.request); err != nil {
		return 0, false, fmt.Errorf("send: %w", err)
	}
	if _, err := v.in.Peek(1); err == nil { // an error is told by the next read, too
		buf, _ := v.in.Peek(v.in.Buffered())
		if number, size, ok := plainAnswer(buf); ok {
			_, _ = v.in.Discard(size)
			return number, true, nil
		}
	}
	res, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return 0, false, fmt.Errorf("read answer: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return 0, false, fmt.Errorf("read body: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		// The connection is as the server says: a 503 need not end it.
		return 0, !res.Close, fmt.Errorf("status %d: %.60q", res.StatusCode, body)
	}
	number, err = strconv.ParseInt(strings.TrimSpace(string(body)), 10, 64)
	if err != nil {
		return 0, !res.Close, fmt.Errorf("%w: %.60q", ErrAnswer, body)
	}
	return number, !res.Close, nil
}

// kind is an error without what differs from one client to the next, so that
// errors can be counted by it.
func kind(err error) string {
	text := err.Error()
	var op *net.OpError
	if errors.As(err, &op) {
		what, _, _ := strings.Cut(text, ":")
		text = what + ": " + op.Err.Error()
	}
	const longest = 100
	return text[:min(len(text), longest)]
}
