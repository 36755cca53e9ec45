package upstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"pingd/proxy/http1"
)

// checkLoop checks m until ctx ends, at once for the first time.
func (m *Server) checkLoop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.nudge:
		case <-timer.C:
		}
		m.check(ctx)
		if ctx.Err() != nil {
			return
		}
		m.mu.Lock()
		next := m.machine.Next()
		m.mu.Unlock()
		timer.Reset(jitter(next))
	}
}

// jitter spreads checks by 10 % either way, so that many proxies started
// together do not check a server in the same moment for ever.
func jitter(d time.Duration) time.Duration {
	return d*9/10 + time.Duration(rand.Int64N(int64(d)/5+1))
}

func (m *Server) check(ctx context.Context) {
	timeout := m.set.cfg.Health.Timeout
	sub, cancel := context.WithTimeout(ctx, timeout)
	result, passed := m.probe(sub, timeout)
	cancel()
	if ctx.Err() != nil {
		return // cut short by removal or the end: says nothing about the server
	}
	if !passed {
		m.ChecksFailed.Add(1)
	}
	m.mu.Lock()
	m.result = result
	changed := m.machine.Check(passed)
	m.mu.Unlock()
	if changed {
		m.moved("check " + result)
	}
	// Only now: a request that sees "checked, and still new" gives up.
	if first := !m.seen.Swap(true); first && !changed {
		m.set.mu.Lock() // requests may have waited for this verdict
		m.set.serveWaiting()
		m.set.mu.Unlock()
	}
}

// probe makes one check and names its result as HAProxy does.
func (m *Server) probe(ctx context.Context, timeout time.Duration) (result string, passed bool) {
	c, err := m.set.dial(ctx, m.addr)
	if err != nil {
		return connectResult(err), false
	}
	defer func() { _ = c.Close() }()
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		p := netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
		m.resolved.Store(&p)
	}
	path := m.Backend().Check
	if path == "" {
		return "L4OK", true
	}
	_ = c.SetDeadline(time.Now().Add(timeout))
	status, err := probeHTTP(c, path, m.addr)
	var parse *http1.Error
	switch {
	case errors.As(err, &parse):
		return "L7RSP " + parse.Reason, false
	case isTimeout(err):
		return "L7TOUT", false
	case err != nil:
		return "L7RSP no response", false
	case status < 200 || status > 399:
		return "L7STS " + strconv.Itoa(status), false
	}
	return "L7OK " + strconv.Itoa(status), true
}

func probeHTTP(c net.Conn, path, host string) (status int, err error) {
	req := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: pingd-check\r\nConnection: close\r\n\r\n"
	if _, err := c.Write([]byte(req)); err != nil {
		return 0, err
	}
	var resp http1.Response
	buf := make([]byte, 0, 4096)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, len(buf))...)[:len(buf)]
		}
		n, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		head, perr := resp.Parse(buf)
		switch {
		case perr != nil:
			return 0, perr
		case head > 0 && resp.Status < 200 && resp.Status != 101:
			buf = append(buf[:0], buf[head:]...)
			resp.Reset(http1.Limits{})
			continue
		case head > 0:
			return resp.Status, nil
		case err != nil:
			return 0, err
		}
	}
}

func connectResult(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "L4CON connection refused"
	case isTimeout(err):
		return "L4TOUT"
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "L4CON name not found"
	}
	return "L4CON " + errno(err)
}

func errno(err error) string {
	var e syscall.Errno
	if errors.As(err, &e) {
		return e.Error()
	}
	return "cannot connect"
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		(errors.As(err, &t) && t.Timeout())
}
