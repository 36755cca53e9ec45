package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	"pingd/proxy/acme"
	"pingd/proxy/cert"
)

// TLS is the listener for clients that speak TLS.
type TLS struct {
	// Listener accepts clients; nil listens on Addr. New takes it over.
	Listener net.Listener
	// Addr is host:port to listen on.
	Addr string
	// Certificates are files and directories with certificates and their keys; they
	// are read again when they change.
	Certificates []string
}

// ACME is an authority that certificates are got from (RFC 8555).
type ACME struct {
	// Names are what they are for.
	Names []string
	// Directory is the authority's URL (default Let's Encrypt), Email where it writes to.
	Directory, Email string
	// Challenge is how names are proved to be ours, http-01 (at port 80) or tls-alpn-01
	// (at port 443); empty: by either.
	Challenge string
}

// newKeeper makes what keeps certificates of an authority.
func (p *Proxy) newKeeper(a *ACME) (*acme.Keeper, error) {
	return acme.New(acme.Config{
		Names: a.Names, Directory: a.Directory, Email: a.Email, Challenge: a.Challenge, Store: p.cfg.Store, Proxy: p.cfg.Name, Secret: p.cfg.Secret,
		Book: p.secure.book, Logger: p.log,
	})
}

// secure is the listener for TLS with what it shows.
type secure struct {
	ln    net.Listener
	addr  string
	book  *cert.Book
	files *cert.Files
	cfg   *tls.Config
}

// newSecure binds the listener and loads the certificates.
func (p *Proxy) newSecure(t *TLS) (*secure, error) {
	s := &secure{ln: t.Listener, book: cert.NewBook()}
	fail := func(err error) (*secure, error) {
		if s.ln != nil {
			_ = s.ln.Close()
		}
		return nil, err
	}
	var err error
	if s.files, err = cert.NewFiles(s.book, t.Certificates, p.log); err != nil {
		return fail(fmt.Errorf("%w\nhint: --proxy-cert=/etc/ssl/shop.pem names a file with certificate and key, or a directory of them", err))
	}
	if s.ln == nil {
		if s.ln, err = net.Listen("tcp", t.Addr); err != nil {
			return fail(fmt.Errorf("listen on TLS address %q: %w\nhint: --proxy-tls-addr=:8443 picks another port", t.Addr, err))
		}
	}
	s.addr = s.ln.Addr().String()
	s.cfg = s.book.Config()
	return s, nil
}

// serve accepts clients until ctx ends.
func (s *secure) serve(ctx context.Context, p *Proxy) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.files.Run(ctx) })
	err := p.front.Listen(ctx, s.ln, s.cfg)
	cancel()
	return err
}
