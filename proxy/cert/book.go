package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNoCertificate is given to a client for whose name there is no certificate,
// where there is none at all.
var ErrNoCertificate = errors.New("there is no certificate")

// Book is the certificates of one listener. Make it with NewBook; safe for
// concurrent use.
type Book struct {
	now    atomic.Pointer[index]
	proofs atomic.Pointer[map[string]*tls.Certificate]

	mu      sync.Mutex
	order   []string // of sources
	sources map[string][]*tls.Certificate
}

// index finds certificates by name. It never changes.
type index struct {
	names map[string][]*tls.Certificate // a wildcard as *.example.org
	first []*tls.Certificate
}

// NewBook returns a Book without certificates.
func NewBook() *Book {
	b := &Book{sources: map[string][]*tls.Certificate{}}
	b.now.Store(&index{})
	return b
}

// Put replaces the certificates that come from source. The source that was put
// first comes first where several are for one name, and its are shown to those who
// name nobody.
func (b *Book) Put(source string, certs []*tls.Certificate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.sources[source]; !known {
		b.order = append(b.order, source)
	}
	b.sources[source] = certs
	x := &index{names: map[string][]*tls.Certificate{}}
	for _, s := range b.order {
		for _, c := range b.sources[s] {
			x.first = append(x.first, c)
			for _, n := range namesOf(c.Leaf) {
				x.names[n] = append(x.names[n], c)
			}
		}
	}
	b.now.Store(x)
}

// namesOf returns what a certificate is for, in lower case.
func namesOf(leaf *x509.Certificate) (names []string) {
	for _, n := range leaf.DNSNames {
		names = append(names, strings.ToLower(n))
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = append(names, strings.ToLower(leaf.Subject.CommonName))
	}
	return names
}

// Get returns the certificate for a handshake, for tls.Config.GetCertificate: one
// for the name that the client asks for, or else for the wildcard above it, that
// the client can check; where there is none, the first of all.
func (b *Book) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	x := b.now.Load()
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if c := fitting(hello, x.names[name]); c != nil {
		return c, nil
	}
	if _, above, ok := strings.Cut(name, "."); ok {
		if c := fitting(hello, x.names["*."+above]); c != nil {
			return c, nil
		}
	}
	if c := fitting(hello, x.first); c != nil {
		return c, nil
	}
	return nil, ErrNoCertificate
}

// fitting returns the first certificate whose kind of key the client understands,
// or the first of all: it then hears why not.
func fitting(hello *tls.ClientHelloInfo, certs []*tls.Certificate) *tls.Certificate {
	for _, c := range certs {
		if len(certs) == 1 || hello.SupportsCertificate(c) == nil {
			return c
		}
	}
	if len(certs) > 0 {
		return certs[0]
	}
	return nil
}

// Info describes a certificate for the status page.
type Info struct {
	Names  []string  `json:"names"`
	Source string    `json:"source"`
	Issuer string    `json:"issuer"`
	Ends   time.Time `json:"ends"`
}

// List describes all certificates.
func (b *Book) List() []Info {
	b.mu.Lock()
	defer b.mu.Unlock()
	infos := []Info{}
	for _, s := range b.order {
		for _, c := range b.sources[s] {
			infos = append(infos, Info{namesOf(c.Leaf), s, c.Leaf.Issuer.String(), c.Leaf.NotAfter})
		}
	}
	return infos
}
