package main

import (
	"context"
	"log/slog"
	"net"

	"pingd/cmd/pingd/certs"
	"pingd/cmd/pingd/config"
	"pingd/kv/replica/bus"
)

// wantsTLS is what a Redis or Sentinel client without TLS reads.
const wantsTLS = "-ERR this port speaks TLS only: redis-cli --tls --cacert FILE, rediss://, or pingd with --tls-ca\r\n"

// openCerts reads the certificates that o names; nil when it names none. log may be
// nil.
func openCerts(o config.Options, log *slog.Logger) (*certs.Keeper, error) {
	if !o.TLS() {
		return nil, nil
	}
	k, err := certs.Open(certs.Config{
		Files: certs.Files{Cert: o.TLSCert, Key: o.TLSKey, CA: o.TLSCa},
		Name:  o.TLSName, Serves: o.Command.Name == "", Logger: log,
	})
	if err != nil {
		return nil, err
	}
	if log != nil {
		for _, w := range k.Warnings() {
			log.Warn(w)
		}
	}
	return k, nil
}

// clientsOf says whom the Redis and Sentinel ports let in.
func clientsOf(o config.Options) certs.Clients {
	switch o.AuthClients() {
	case config.AuthYes:
		return certs.Verified
	case config.AuthOptional:
		return certs.IfGiven
	}
	return certs.Anybody
}

// adminClients says the same of the admin port, whose health everybody may ask for.
func adminClients(o config.Options) certs.Clients {
	return min(clientsOf(o), certs.IfGiven)
}

// secured returns the listener of a flag with TLS, where it has that. The admin
// server brings TLS itself; visitors and their servers use none.
func secured(ln net.Listener, flag string, o config.Options, keeper *certs.Keeper) net.Listener {
	if keeper == nil {
		return ln
	}
	switch flag {
	case "redis-addr", "sentinel-addr":
		return keeper.Listen(ln, clientsOf(o), wantsTLS)
	case "raft-addr":
		return keeper.Listen(ln, certs.Nodes, bus.WantsTLS)
	}
	return ln
}

// dialer returns how Redis addresses are dialled; nil without TLS.
func dialer(keeper *certs.Keeper) func(ctx context.Context, addr, name string) (net.Conn, error) {
	if keeper == nil {
		return nil
	}
	return keeper.Dial
}

// dialAdmin returns how admin listeners are dialled; nil without TLS.
func dialAdmin(keeper *certs.Keeper) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if keeper == nil {
		return nil
	}
	return func(ctx context.Context, _, addr string) (net.Conn, error) { return keeper.Dial(ctx, addr, "") }
}

// busDialer returns how nodes dial one another; nil without TLS.
func busDialer(keeper *certs.Keeper) func(ctx context.Context, addr string) (net.Conn, error) {
	if keeper == nil {
		return nil
	}
	return keeper.DialNode
}
