package proxy

import (
	"context"
	"fmt"
	"net"
	"time"

	"pingd/integration/bench/session"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// idle opens connections that have had one answer each and then say nothing,
// and divides by their number what the proxy grew by.
func (m *measure) idle(ctx context.Context, p *peers.Proxy) (*measured, error) {
	before, err := p.Usage()
	if err != nil {
		return nil, err
	}
	conns := make([]net.Conn, 0, m.shape.clients)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	buf := make([]byte, 4096)
	var d net.Dialer
	for range m.shape.clients {
		c, err := d.DialContext(ctx, "tcp", p.Addr)
		if err != nil {
			return nil, fmt.Errorf("after %d connections: %w\nhint: ulimit -n", len(conns), err)
		}
		conns = append(conns, c)
		_ = c.SetDeadline(time.Now().Add(session.StartWithin))
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: bench\r\n\r\n")); err != nil {
			return nil, fmt.Errorf("connection %d: %w", len(conns), err)
		}
		if _, err := c.Read(buf); err != nil {
			return nil, fmt.Errorf("connection %d: %w", len(conns), err)
		}
	}
	after, err := p.Usage()
	if err != nil {
		return nil, err
	}
	// New clients are still served.
	if err := procs.Answers("http://" + p.Addr + "/")(ctx); err != nil {
		return nil, fmt.Errorf("beside %d idle clients: %w", len(conns), err)
	}
	return &measured{
		rss: float64(after.RSS) / (1 << 20), idle: float64(after.RSS-before.RSS) / 1024 / float64(len(conns)),
	}, nil
}
