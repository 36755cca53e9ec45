package cert

import "crypto/tls"

// suites are those of TLS 1.2 that keep what was said secret even if the key is
// lost later, and encrypt as TLS 1.3 does.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Config returns how clients are spoken to: TLS 1.2 or 1.3, HTTP/2 or HTTP/1.1,
// with the certificates of b.
func (b *Book) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites, GetCertificate: b.Get,
		NextProtos: []string{"h2", "http/1.1"},
	}
}
