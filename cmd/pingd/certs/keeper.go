package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says what a Keeper keeps.
type Config struct {
	Files

	// Name is what the certificates of all nodes bear (a DNS name of their
	// subjectAltName), looked for instead of the host that is dialled. Empty: the
	// host.
	Name string

	// Serves says that the certificate is shown to clients, not only to servers.
	Serves bool

	Logger *slog.Logger // nil: silent
}

// lookEvery is how often the files are looked at, while there are handshakes.
const lookEvery = time.Second

// Keeper holds what its files say. Its methods may be called from any goroutine.
type Keeper struct {
	cfg Config
	log *slog.Logger
	now atomic.Pointer[material]

	mu     sync.Mutex // of whom looks at the files
	looked time.Time
	warned time.Time // when its Warnings were last told
	failed state     // that could not be used: told of once

	failing atomic.Int64 // when a failed handshake was last told of, in nanoseconds
	refused prometheus.Counter
}

// Open reads the files. Its errors name the flag that is to blame.
func Open(cfg Config) (*Keeper, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := cfg.load(cfg.Serves)
	if err != nil {
		return nil, err
	}
	k := &Keeper{cfg: cfg, log: cfg.Logger.With("component", "tls"), looked: time.Now(), warned: time.Now()}
	k.refused = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "pingd_tls_handshakes_failed_total", Help: "TLS handshakes of clients that failed.",
	})
	k.now.Store(m)
	return k, nil
}

// Register adds when the certificate ends, and the failed handshakes, to what is
// measured.
func (k *Keeper) Register(r prometheus.Registerer) error {
	end := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pingd_tls_certificate_end_seconds", Help: "When this process's certificate ends, in Unix time; 0 if it has none.",
	}, func() float64 {
		if leaf := k.current().leaf(); leaf != nil {
			return float64(leaf.NotAfter.Unix())
		}
		return 0
	})
	return errors.Join(r.Register(end), r.Register(k.refused))
}

// current returns what the files say, looking whether they have changed if nobody
// did for a while.
func (k *Keeper) current() *material {
	if k.mu.TryLock() { // one looks; the others need not wait for it
		if time.Since(k.looked) >= lookEvery {
			k.look()
			k.remind()
			k.looked = time.Now()
		}
		k.mu.Unlock()
	}
	return k.now.Load()
}

// remindEvery is how often a certificate that soon is over is warned of.
const remindEvery = 24 * time.Hour

// remind tells the Warnings again after a day: processes run for longer than
// certificates last.
func (k *Keeper) remind() {
	if time.Since(k.warned) < remindEvery {
		return
	}
	k.warned = time.Now()
	for _, w := range k.Warnings() {
		k.log.Warn(w)
	}
}

// look reads the files again if they have changed.
func (k *Keeper) look() {
	s := k.cfg.state()
	if s.equal(k.now.Load().files) || k.failed != nil && s.equal(k.failed) {
		return
	}
	m, err := k.cfg.load(k.cfg.Serves)
	if err != nil {
		// Half of a change, perhaps: the next look sees the rest.
		k.failed = s
		k.log.Warn("changed files are not used", "err", err)
		return
	}
	k.failed = nil
	k.now.Store(m)
	if leaf := m.leaf(); leaf != nil {
		k.log.Info("certificate read again", "file", k.cfg.Cert, "serial", leaf.SerialNumber.Text(16), "ends", leaf.NotAfter)
	} else {
		k.log.Info("authorities read again", "file", k.cfg.CA)
	}
}

// Clients says whom a listener lets in.
type Clients int

// The kinds of clients, from the widest to the narrowest. Without Files.CA nobody's
// certificate can be looked at: all are Anybody then.
const (
	Anybody  Clients = iota // no certificate is asked for
	IfGiven                 // a certificate must be good if there is one
	Verified                // a certificate signed by one of the authorities is needed
	Nodes                   // it must be a node's: good for a server too, and with Config.Name
)

// least returns the least version of the protocol.
func least(c Clients) uint16 {
	if c == Nodes {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// Server returns the listening side for clients of a kind.
func (k *Keeper) Server(c Clients) *tls.Config {
	return &tls.Config{
		MinVersion:             least(c),
		SessionTicketsDisabled: true,
		GetConfigForClient:     func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.serverNow(c), nil },
	}
}

func (k *Keeper) serverNow(c Clients) *tls.Config {
	m := k.current()
	cfg := &tls.Config{
		MinVersion:                  least(c),
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // replies are read whole, not shown as they come
		NextProtos:                  nil,
		ClientCAs:                   m.roots,
	}
	if m.cert != nil {
		cfg.Certificates = []tls.Certificate{*m.cert}
	}
	if m.roots == nil {
		return cfg
	}
	switch c {
	case IfGiven:
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	case Verified:
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	case Nodes:
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
		cfg.VerifyConnection = k.mustBeNode
	}
	return cfg
}

// errNoNode is why a certificate that is good for clients does not let in a node.
var errNoNode = errors.New("the certificate is a client's, not a node's: its extended key usage lacks serverAuth")

// mustBeNode keeps those who may read and write data from taking part in the
// cluster.
func (k *Keeper) mustBeNode(s tls.ConnectionState) error {
	leaf := s.PeerCertificates[0]
	if !allows(leaf, x509.ExtKeyUsageServerAuth) {
		return errNoNode
	}
	if k.cfg.Name == "" {
		return nil
	}
	return leaf.VerifyHostname(k.cfg.Name)
}
