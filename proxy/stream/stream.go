// Package stream passes connections on as they are, whatever is spoken on them (HAProxy
// keyword "mode tcp"): the same servers, checks, weights, slots, queue and drain as for
// HTTP, and a connection in place of a request. A server that cannot be reached is
// replaced by another; once bytes have passed nothing is tried again.
package stream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"pingd/proxy/exchange"
	"pingd/proxy/proxyproto"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// Config of a Server. Set, Gate and Logger are required.
type Config struct {
	// Set are the servers.
	Set *upstream.Set
	// Gate bounds the clients, together with those of other listeners.
	Gate *exchange.Gate
	// Announces tells whether connections from an address begin with a PROXY protocol
	// header (nil: none does).
	Announces func(netip.Addr) bool
	// Timeouts: Connect, Head (for the PROXY header), Body (for a side that does not
	// take what the other sent), Tunnel (for silence) and Grace.
	Timeouts exchange.Timeouts
	// Retries is how many further servers are tried.
	Retries int
	Logger  *slog.Logger
}

// Server serves one listener. Make it with New.
type Server struct {
	cfg Config
	log *slog.Logger

	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]struct{} // clients, and connections to servers
	cut   bool
}

// New returns a Server.
func New(cfg Config) *Server {
	return &Server{cfg: cfg, log: cfg.Logger, conns: map[net.Conn]struct{}{}}
}

// Serve serves clients of ln until ctx ends, which closes ln; open connections may go
// on for the grace time then. It returns nil, or the error that ended accepting early.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	hard, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	closing := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer closing()
	err := s.accept(ctx, hard, ln)
	_ = ln.Close()
	ended := make(chan struct{})
	go func() { s.wg.Wait(); close(ended) }()
	grace := time.NewTimer(s.cfg.Timeouts.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		stop()
		s.cutAll()
		<-ended
	}
	return err
}

func (s *Server) accept(ctx, hard context.Context, ln net.Listener) error {
	for {
		if !s.cfg.Gate.Enter(ctx.Done()) {
			return nil
		}
		conn, err := ln.Accept()
		if err == nil {
			s.cfg.Gate.Accepted()
			s.wg.Go(func() {
				defer s.cfg.Gate.Leave()
				s.serve(hard, conn)
			})
			continue
		}
		s.cfg.Gate.Cancel()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		s.log.Warn("accept connection", "err", err) // out of descriptors, say
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// hold has conn closed when the time of grace is over; let takes that back.
func (s *Server) hold(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[conn] = struct{}{}
	if s.cut {
		_ = conn.Close()
	}
}

func (s *Server) let(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *Server) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	for c := range s.conns {
		reset(c)
		_ = c.Close()
	}
}

// serve passes one connection on.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	s.hold(conn)
	defer s.let(conn)
	client := conn
	if s.cfg.Announces != nil && s.cfg.Announces(address(conn.RemoteAddr()).Addr()) {
		p, err := proxyproto.Accept(conn, time.Now().Add(s.cfg.Timeouts.Head))
		if err != nil {
			s.log.Debug("refuse a connection", "from", conn.RemoteAddr(), "err", err)
			return
		}
		client = p
	}
	up := s.reach(ctx, address(client.RemoteAddr()), address(client.LocalAddr()))
	if up == nil {
		reset(conn)
		return
	}
	srv := up.Server
	defer s.cfg.Set.Release(srv)
	s.hold(up.Conn.Conn)
	defer s.let(up.Conn.Conn)
	srv.Requests.Add(1)
	in, out := wire.Tunnel(wire.New(client), up.Conn, s.cfg.Timeouts.Tunnel, s.cfg.Timeouts.Body)
	srv.BytesIn.Add(in)
	srv.BytesOut.Add(out)
}

// reach connects to a server, one of whose slots is taken; nil if none can be reached.
func (s *Server) reach(ctx context.Context, src, dst netip.AddrPort) *upstream.Conn {
	want := upstream.Want{Key: xxhash.Sum64String(src.Addr().String())}
	for range s.cfg.Retries + 1 {
		srv, err := s.cfg.Set.Acquire(ctx, &want)
		if err != nil {
			s.log.Debug("no server for a connection", "from", src, "err", err)
			return nil
		}
		dialling, cancel := context.WithTimeout(ctx, s.cfg.Timeouts.Connect)
		up, err := srv.Dial(dialling, src, dst)
		cancel()
		if err == nil {
			return up
		}
		s.cfg.Set.Release(srv)
		if want.Tried.Has(srv) || ctx.Err() != nil {
			return nil // there is no other
		}
		want.Tried.Add(srv)
		srv.Retries.Add(1)
	}
	return nil
}

// reset ends a connection so that nobody takes it for a proper end.
func reset(conn net.Conn) {
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

// address returns a's, not valid if it is not of TCP.
func address(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
}
