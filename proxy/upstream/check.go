package upstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"pingd/proxy/health/probe"
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

// look has the server checked now.
func (m *Server) look() {
	select {
	case m.nudge <- struct{}{}:
	default:
	}
}

func (m *Server) check(ctx context.Context) {
	m.mu.Lock()
	timeout := m.machine.Config().Timeout
	m.mu.Unlock()
	sub, cancel := context.WithTimeout(ctx, timeout)
	result := m.probe(sub)
	cancel()
	if ctx.Err() != nil {
		return // cut short by removal or the end: says nothing about the server
	}
	if !result.Passed {
		m.ChecksFailed.Add(1)
	}
	m.mu.Lock()
	m.result = result.Text
	changed := m.machine.Check(result.Passed)
	m.mu.Unlock()
	if changed {
		m.moved("check " + result.Text)
	}
	// Only now: a request that sees "checked, and still new" gives up.
	if first := !m.seen.Swap(true); first && !changed {
		m.set.wakeWaiting() // requests may have waited for this verdict
	}
}

// probe makes one check, by the end of ctx.
func (m *Server) probe(ctx context.Context) probe.Result {
	b := m.Backend()
	c, err := m.reach(ctx, b)
	if err != nil {
		return probe.Result{Text: connectResult(err)}
	}
	defer func() { _ = c.Close() }()
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		p := netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
		m.resolved.Store(&p)
	}
	p, request := b.Check.Begin(m.addr)
	if len(request) == 0 {
		return probe.Connected()
	}
	if limit, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(limit)
	}
	_, err = c.Write(request)
	for buf := make([]byte, 4096); err == nil; {
		var n int
		n, err = c.Read(buf)
		if r, done := p.Take(buf[:n]); done {
			return r
		}
	}
	if isTimeout(err) {
		return probe.Result{Text: "L7TOUT"}
	}
	return p.End()
}

// reach makes a connection for a check. One that asks for no more than that is
// made without HTTP/2, which would say more.
func (m *Server) reach(ctx context.Context, b *Backend) (net.Conn, error) {
	if b.HTTP2 && b.Check.Kind == probe.HTTP {
		return m.pool.Dial(ctx)
	}
	c, err := m.set.dial(ctx, m.addr)
	if err != nil || b.SendProxy == 0 {
		return c, err
	}
	// The proxy's own: no addresses.
	if _, err := c.Write(b.SendProxy.Append(nil, netip.AddrPort{}, netip.AddrPort{})); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
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
