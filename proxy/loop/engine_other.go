//go:build !linux || !(amd64 || arm64)

package loop

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"

	"pingd/proxy/wire"
)

// Supported tells whether this system has loops.
const Supported = false

// Engine is never made here.
type Engine struct{}

// New must not be called where loops are not supported.
func New(Config, net.Listener) (*Engine, error) { panic("loops are not supported") }

// Serve does nothing.
func (*Engine) Serve(context.Context) error { return nil }

// MostClients is not known here.
func MostClients() int { return 1 << 30 }

// Admit takes nobody.
func (*Engine) Admit(*tls.Conn, *wire.Carrier, netip.Addr) bool { return false }

// Close does nothing.
func (*Engine) Close() {}
