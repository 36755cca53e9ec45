package acme

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"

	"pingd/proxy/cert"
	"pingd/proxy/seal"
)

// LetsEncrypt is the directory of the authority that is asked by default.
const LetsEncrypt = acme.LetsEncryptURL

const (
	prefix      = "/pingd/proxy/acme/"
	accountKey  = prefix + "account"
	lockKey     = prefix + "lock"
	certPrefix  = prefix + "cert/"
	tokenPrefix = prefix + "token/"
	proofPrefix = prefix + "proof/"

	tokenLife = 10 * time.Minute
	// A lock is for one certificate: longer than obtaining one may take.
	lockLife    = 3 * time.Minute
	obtainLimit = 2 * time.Minute
	lookEvery   = time.Minute

	// patience is for how long what is of no use any more is tried to be removed.
	patience = 2 * time.Second

	// settle is what the other proxies get to hear of a token.
	settle = 2 * time.Second
)

// Store is where certificates are kept; see pingd/proxy/cluster.
type Store interface {
	Watch(ctx context.Context, prefix string, fn func(map[string]string)) error
	Set(ctx context.Context, key, value string, life time.Duration) error
	Add(ctx context.Context, key, value string, life time.Duration) (added bool, err error)
	Delete(ctx context.Context, key string) error
}

// Config of a Keeper. Names, Store, Book and Proxy are required.
type Config struct {
	// Names are what certificates are for, one each.
	Names []string
	// Directory is the authority's URL (default LetsEncrypt), Email where it writes to.
	Directory, Email string
	// Store is what the proxies share, Proxy this one's name among them.
	Store Store
	Proxy string
	// Secret seals private keys (nil: they lie open).
	Secret []byte
	// Book is given the certificates.
	Book *cert.Book
	// Challenge is how names are proved to be ours, HTTP01 or TLSALPN01 (empty: by
	// either, whichever the authority gets through with).
	Challenge string
	// HTTP speaks to the authority (nil: http.DefaultClient).
	HTTP *http.Client
	// Logger gets what is obtained and what fails (nil: none).
	Logger *slog.Logger
}

// Keeper keeps certificates. Make it with New.
type Keeper struct {
	cfg    Config
	log    *slog.Logger
	box    *seal.Box
	tokens atomic.Pointer[map[string]string]
	wake   chan struct{}
	settle time.Duration

	mu      sync.Mutex
	read    bool // the store has been read
	account string
	certs   map[string]*tls.Certificate // by name
	tries   map[string]tries
	seen    map[string]chan struct{} // closed when what a key has is in the store
}

// tries are those that failed.
type tries struct {
	failed int
	next   time.Time
}

// New returns a Keeper that does nothing before Run.
func New(cfg Config) (*Keeper, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Directory == "" {
		cfg.Directory = LetsEncrypt
	}
	box, err := seal.New(cfg.Secret, "acme")
	if err != nil {
		return nil, err
	}
	return &Keeper{
		cfg: cfg, log: cfg.Logger, box: box, wake: make(chan struct{}, 1), settle: settle,
		certs: map[string]*tls.Certificate{}, tries: map[string]tries{}, seen: map[string]chan struct{}{},
	}, nil
}

// Answer returns what the authority wants to hear for a token, if it is known.
func (k *Keeper) Answer(token string) (answer string, ok bool) {
	if tokens := k.tokens.Load(); tokens != nil {
		answer, ok = (*tokens)[token]
	}
	return answer, ok
}

// Run keeps certificates until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if err := k.cfg.Store.Watch(ctx, prefix, k.take); err != nil && ctx.Err() == nil {
			k.log.Error("certificates are not renewed any more", "err", err)
		}
	})
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-k.wake:
		case <-ctx.Done():
			return
		}
		for _, name := range k.due(time.Now()) {
			k.renew(ctx, name)
		}
	}
}

// take takes over what is in the store.
func (k *Keeper) take(values map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	tokens := map[string]string{}
	certs, proofs := map[string]*tls.Certificate{}, map[string]*tls.Certificate{}
	for key, value := range values {
		if token, ok := strings.CutPrefix(key, tokenPrefix); ok {
			tokens[token] = value
		}
		for from, to := range map[string]map[string]*tls.Certificate{certPrefix: certs, proofPrefix: proofs} {
			name, ok := strings.CutPrefix(key, from)
			if !ok || !slices.Contains(k.cfg.Names, name) {
				continue
			}
			c, err := k.open(value)
			if err != nil {
				k.log.Warn("certificate not taken from the store", "name", name, "err", err)
				continue
			}
			to[name] = c
		}
	}
	k.tokens.Store(&tokens)
	k.cfg.Book.PutProofs(proofs)
	for key, c := range k.seen {
		if _, there := values[key]; there {
			close(c)
			delete(k.seen, key)
		}
	}
	k.account, k.certs = values[accountKey], certs
	var list []*tls.Certificate
	for _, name := range k.cfg.Names { // the first is for those who name nobody
		if c := certs[name]; c != nil {
			list = append(list, c)
		}
	}
	k.cfg.Book.Put("acme", list)
	if !k.read {
		k.read = true
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

// due returns the names whose certificate is to be obtained now.
func (k *Keeper) due(now time.Time) (names []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.read {
		return nil
	}
	for _, name := range k.cfg.Names {
		if c := k.certs[name]; (c == nil || Due(c.Leaf.NotBefore, c.Leaf.NotAfter, now)) && !now.Before(k.tries[name].next) {
			names = append(names, name)
		}
	}
	return names
}

// Due reports whether a certificate is to be renewed: a third of its time is left.
func Due(begins, ends, now time.Time) bool { return now.After(ends.Add(-ends.Sub(begins) / 3)) }

// Pause is how long to wait after a number of failures in a row.
func Pause(failed int) time.Duration { return min(time.Minute<<min(failed-1, 10), time.Hour) }

// renew obtains the certificate of a name, unless another proxy is at it.
func (k *Keeper) renew(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, obtainLimit)
	defer cancel()
	locked, err := k.cfg.Store.Add(ctx, lockKey, k.cfg.Proxy, lockLife)
	if err == nil && !locked {
		return // looked at again in a minute
	}
	if err == nil {
		defer func() {
			if err := k.remove(ctx, lockKey); err != nil {
				k.log.Debug("lock not given back, it ends by itself", "err", err)
			}
		}()
		err = k.obtain(ctx, name)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		delete(k.tries, name)
		k.log.Info("certificate obtained", "name", name, "authority", k.cfg.Directory)
		return
	}
	t := k.tries[name]
	t.failed++
	t.next = time.Now().Add(Pause(t.failed))
	k.tries[name] = t
	k.log.Error("certificate not obtained", "name", name, "authority", k.cfg.Directory, "err", err, "again_in", Pause(t.failed))
}

// remove deletes a key although ctx may have ended, but does not wait for a store that
// is away: what has a life ends by itself.
func (k *Keeper) remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return k.cfg.Store.Delete(ctx, key)
}

// fresh tells whether a certificate that is not due is known: another proxy may have
// just put it there.
func (k *Keeper) fresh(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.certs[name]
	return c != nil && !Due(c.Leaf.NotBefore, c.Leaf.NotAfter, time.Now())
}

// open reads a certificate with its key.
func (k *Keeper) open(text string) (*tls.Certificate, error) {
	plain, err := k.box.Open(text)
	if err != nil {
		return nil, err
	}
	c, err := tls.X509KeyPair(plain, plain)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return &c, nil
}
