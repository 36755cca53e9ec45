package proxy

import (
	"context"
	"fmt"
	"net"

	"pingd/proxy/exchange"
	"pingd/proxy/stream"
	"pingd/proxy/upstream"
)

// TCP is a listener whose connections are passed on as they are; see package stream.
type TCP struct {
	// Listener accepts clients; nil listens on Addr. New takes it over.
	Listener net.Listener
	// Addr is host:port to listen on.
	Addr string
	// Service has the servers. A hash goes by the client's address.
	Service Service
}

// tcp is a TCP listener that is bound.
type tcp struct {
	ln     net.Listener
	addr   string
	set    *upstream.Set
	name   string // of the service
	server *stream.Server
}

// newTCP binds the listener of t.
func (p *Proxy) newTCP(t TCP, ec *exchange.Config) error {
	ln := t.Listener
	if ln == nil {
		var err error
		if ln, err = net.Listen("tcp", t.Addr); err != nil {
			return fmt.Errorf("listen on TCP address %q: %w\nhint: another port", t.Addr, err)
		}
	}
	one := &tcp{ln: ln, addr: ln.Addr().String(), set: p.service(t.Service).Set, name: t.Service.Name}
	one.server = stream.New(stream.Config{
		Set: one.set, Gate: p.gate, Announces: ec.Announces, Timeouts: ec.Timeouts.WithDefaults(), Retries: p.cfg.Retries, Logger: p.log.With("service", one.name),
	})
	p.tcps = append(p.tcps, one)
	return nil
}

// serveTCP serves the listener until ctx ends.
func (t *tcp) serve(ctx context.Context) error {
	if err := t.server.Serve(ctx, t.ln); err != nil {
		return fmt.Errorf("serve TCP on %s: %w", t.addr, err)
	}
	return nil
}
