package cert

import (
	"crypto/tls"
	"strings"
)

// suites are those of TLS 1.2 that keep what was said secret even if the key is
// lost later, and encrypt as TLS 1.3 does.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Proof is the protocol by which an authority asks for the proof that a name is ours
// (RFC 8737). Nothing is said over such a connection.
const Proof = "acme-tls/1"

// Config returns how clients are spoken to: TLS 1.2 or 1.3, HTTP/2 or HTTP/1.1,
// with the certificates of b; and by Proof, with those of PutProofs.
func (b *Book) Config() *tls.Config {
	proofs := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites, GetCertificate: b.proof,
		NextProtos: []string{Proof}, SessionTicketsDisabled: true,
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites, GetCertificate: b.Get,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == Proof {
				return proofs, nil
			}
			return nil, nil
		},
	}
}

// PutProofs replaces the certificates that prove to an authority that names are ours.
func (b *Book) PutProofs(proofs map[string]*tls.Certificate) { b.proofs.Store(&proofs) }

// proof returns the certificate that an authority asks for. Without one the handshake
// fails: a usual certificate would prove nothing.
func (b *Book) proof(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if proofs := b.proofs.Load(); proofs != nil {
		if c := (*proofs)[strings.ToLower(hello.ServerName)]; c != nil {
			return c, nil
		}
	}
	return nil, ErrNoCertificate
}
