package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Files names PEM files. Cert and Key go together; CA alone serves a process that
// only connects to others.
type Files struct {
	Cert string // this process's certificate, followed by intermediate ones
	Key  string // its private key
	CA   string // certificates of the authorities to trust; empty: those of the system
}

// material is what the files held at one moment.
type material struct {
	cert  *tls.Certificate // nil: none
	roots *x509.CertPool   // nil: the system's
	files state
}

// leaf returns this process's own certificate, nil if it has none.
func (m *material) leaf() *x509.Certificate {
	if m.cert == nil {
		return nil
	}
	return m.cert.Leaf
}

// state tells one state of the files from another without reading them. What a link
// leads to counts, so that a directory that is switched over is seen.
type state []fs.FileInfo

func (f Files) state() state {
	var s state
	for _, name := range []string{f.Cert, f.Key, f.CA} {
		info, err := os.Stat(name)
		if err != nil {
			info = nil // not there, or not wanted
		}
		s = append(s, info)
	}
	return s
}

func (s state) equal(other state) bool {
	return slices.EqualFunc(s, other, func(a, b fs.FileInfo) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
	})
}

// load reads the files and checks that they belong together. serves says that the
// certificate is shown to clients as well as to servers.
func (f Files) load(serves bool) (*material, error) {
	m := &material{files: f.state()}
	if f.CA != "" {
		text, err := readFile("ca", f.CA)
		if err != nil {
			return nil, err
		}
		m.roots = x509.NewCertPool()
		if !m.roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--tls-ca=%s: holds no certificate in PEM\nhint: it begins with -----BEGIN CERTIFICATE-----", f.CA)
		}
	}
	if f.Cert == "" {
		return m, nil
	}
	cert, err := readFile("cert", f.Cert)
	if err != nil {
		return nil, err
	}
	key, err := readFile("key", f.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, pairError(f, cert, err)
	}
	m.cert = &pair
	return m, m.check(f, serves)
}

func readFile(flag, name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--tls-%s=%s: there is no such file", flag, name)
	case err != nil:
		return nil, fmt.Errorf("--tls-%s=%s: %w", flag, name, err)
	}
	return text, nil
}

// pairError says which of the two files is to blame.
func pairError(f Files, cert []byte, err error) error {
	switch {
	case strings.Contains(err.Error(), "private key does not match"):
		return fmt.Errorf("--tls-key=%s: is not the key of --tls-cert=%s", f.Key, f.Cert)
	case !bytes.Contains(cert, []byte("-----BEGIN CERTIFICATE-----")):
		return fmt.Errorf("--tls-cert=%s: holds no certificate in PEM\nhint: it begins with -----BEGIN CERTIFICATE-----", f.Cert)
	case strings.Contains(err.Error(), "encrypted"):
		return fmt.Errorf("--tls-key=%s: is protected by a password\nhint: openssl pkey -in %[1]s -out key.pem", f.Key)
	}
	return fmt.Errorf("--tls-cert=%s, --tls-key=%s: %w", f.Cert, f.Key, err)
}

// check finds what others would refuse.
func (m *material) check(f Files, serves bool) error {
	leaf := m.leaf()
	uses := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if serves {
		uses = append(uses, x509.ExtKeyUsageServerAuth)
	}
	for _, use := range uses {
		if !allows(leaf, use) {
			return fmt.Errorf("--tls-cert=%s: may not be used as a %s's: its extended key usage lacks %sAuth\nhint: sign it with extendedKeyUsage = serverAuth, clientAuth",
				f.Cert, useName(use), useName(use))
		}
	}
	if m.roots == nil {
		return nil
	}
	err := verify(m.cert, m.roots, time.Now())
	if over(err) { // who signed it? That it is over is told apart, and a wrong clock must not keep a node from starting
		err = verify(m.cert, m.roots, leaf.NotBefore.Add(time.Second))
	}
	if over(err) {
		return nil
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return fmt.Errorf("--tls-cert=%s: was not signed by an authority in --tls-ca=%s: %w", f.Cert, f.CA, err)
	}
	if err != nil {
		return fmt.Errorf("--tls-cert=%s: %w", f.Cert, err)
	}
	return nil
}

func useName(use x509.ExtKeyUsage) string {
	if use == x509.ExtKeyUsageClientAuth {
		return "client"
	}
	return "server"
}

// allows tells whether a certificate may be used so: one that says nothing may be
// used for everything (RFC 5280, section 4.2.1.12).
func allows(c *x509.Certificate, use x509.ExtKeyUsage) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, use) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// verify follows a certificate to an authority in roots.
func verify(c *tls.Certificate, roots *x509.CertPool, now time.Time) error {
	chain := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, der := range c.Certificate[1:] {
		if further, err := x509.ParseCertificate(der); err == nil {
			chain.Intermediates.AddCert(further)
		}
	}
	_, err := c.Leaf.Verify(chain)
	return err
}

// over tells whether a certificate is not valid at the moment.
func over(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.Expired
}

// Warnings returns what looks like a mistake and does no harm yet: a key that
// everybody may read, a certificate that is over or soon will be.
func (k *Keeper) Warnings() []string {
	var all []string
	if info, err := os.Stat(k.cfg.Key); k.cfg.Key != "" && err == nil && info.Mode().Perm()&0o004 != 0 {
		all = append(all, fmt.Sprintf("key file %s can be read by everybody on this machine; chmod o-r %[1]s", k.cfg.Key))
	}
	leaf := k.current().leaf()
	if leaf == nil {
		return all
	}
	switch left := time.Until(leaf.NotAfter); {
	case left <= 0:
		all = append(all, fmt.Sprintf("certificate %s is over since %s; nobody accepts it", k.cfg.Cert, leaf.NotAfter.Format(time.RFC3339)))
	case time.Until(leaf.NotBefore) > 0:
		all = append(all, fmt.Sprintf("certificate %s counts from %s on only; is the clock right?", k.cfg.Cert, leaf.NotBefore.Format(time.RFC3339)))
	case left < soon:
		all = append(all, fmt.Sprintf("certificate %s ends on %s", k.cfg.Cert, leaf.NotAfter.Format(time.RFC3339)))
	}
	return all
}

// soon is how long before its end a certificate is warned of.
const soon = 14 * 24 * time.Hour
