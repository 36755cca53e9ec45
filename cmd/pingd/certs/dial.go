package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Dial connects to addr and makes sure that who answers has a certificate for name
// (empty: the host of addr), or for Config.Name where that is set. Errors say what
// to do about them.
func (k *Keeper) Dial(ctx context.Context, addr, name string) (net.Conn, error) {
	return k.dial(ctx, addr, k.client(addr, name))
}

// DialNode is Dial for the traffic between nodes.
func (k *Keeper) DialNode(ctx context.Context, addr string) (net.Conn, error) {
	cfg := k.client(addr, "")
	cfg.MinVersion = least(Nodes)
	return k.dial(ctx, addr, cfg)
}

// DialSelf connects to this machine, whose certificate need not bear the name of the
// loopback: the own one, or one of any node, is good enough.
func (k *Keeper) DialSelf(ctx context.Context, addr string) (net.Conn, error) {
	cfg := k.client(addr, "")
	cfg.InsecureSkipVerify = true // VerifyConnection does
	cfg.VerifyConnection = k.anyNode
	return k.dial(ctx, addr, cfg)
}

// client returns the dialling side.
func (k *Keeper) client(addr, name string) *tls.Config {
	m := k.current()
	if k.cfg.Name != "" {
		name = k.cfg.Name
	}
	if name == "" {
		name, _, _ = net.SplitHostPort(addr) // an address that is none cannot be dialled
	}
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		RootCAs:                     m.roots,
		ServerName:                  name,
		DynamicRecordSizingDisabled: true,
		// Always the own one, also where the other side names other authorities: it
		// can say then why it does not like it.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if m.cert == nil {
				return new(tls.Certificate), nil
			}
			return m.cert, nil
		},
	}
}

// anyNode checks all of a server's certificate but its name.
func (k *Keeper) anyNode(s tls.ConnectionState) error {
	m := k.current()
	if own := m.leaf(); own != nil && bytes.Equal(own.Raw, s.PeerCertificates[0].Raw) {
		return nil
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: m.roots, Intermediates: between})
	return err
}

func (k *Keeper) dial(ctx context.Context, addr string, cfg *tls.Config) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	below := &line{Conn: raw}
	c := tls.Client(below, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("TLS with %s: %w", addr, explain(err))
	}
	return &outgoing{c, below}, nil
}

// outgoing is a connection that Dial made.
type outgoing struct {
	*tls.Conn
	line *line
}

// NetConn returns the line below: closing that ends it without a word.
func (o *outgoing) NetConn() net.Conn { return o.line.Conn }

// Close says goodbye if that is possible at once.
func (o *outgoing) Close() error {
	o.line.closing.Store(true)
	return o.Conn.Close()
}

// Read tells why the other side refused the own certificate: with TLS 1.3 it says so
// after the handshake.
func (o *outgoing) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	if err != nil && refusedBy(err) != "" {
		err = explain(err)
	}
	return n, err
}

// refusedBy returns what the other side's alert says, "" if err is none.
func refusedBy(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return op.Err.Error()
	}
	return ""
}

// explain adds what to do.
func explain(err error) error {
	var hint string
	alert := refusedBy(err)
	switch {
	case isType[tls.RecordHeaderError](err):
		return fmt.Errorf("the other side does not speak TLS: %w\nhint: start it with --tls-cert, --tls-key and --tls-ca, or leave them out here", err)
	case isType[x509.UnknownAuthorityError](err):
		hint = "--tls-ca=FILE with the authority that signed the other side's certificate"
	case isType[x509.HostnameError](err):
		hint = "sign the certificate for that name (subjectAltName); or --tls-name=NAME, a name that the certificates of all nodes bear"
	case isType[x509.CertificateInvalidError](err):
		hint = "the other side's certificate is to be renewed, or a clock is wrong"
	case strings.Contains(alert, "certificate required"):
		hint = "the other side asks for a certificate: --tls-cert=FILE --tls-key=FILE"
	case strings.Contains(alert, "certificate"):
		hint = "the other side does not accept --tls-cert: it must be signed by an authority in its --tls-ca, not be over, and be a node's to join the cluster"
	case strings.Contains(alert, "protocol version"):
		hint = "the two sides have no version of TLS in common"
	case errors.Is(err, io.EOF):
		hint = "the other side may not speak TLS: start it with --tls-cert, --tls-key and --tls-ca"
	default:
		return err
	}
	return fmt.Errorf("%w\nhint: %s", err, hint)
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
