package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/acme"

	"pingd/proxy/cert"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a Store whose Watch tells of what is put there.
type shelf struct {
	mu     sync.Mutex
	values map[string]string
	fn     func(map[string]string)
	lost   bool
}

var errLost = errors.New("the store is lost")

func (s *shelf) Watch(ctx context.Context, _ string, fn func(map[string]string)) error {
	s.mu.Lock()
	s.fn = fn
	s.tell()
	s.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

func (s *shelf) tell() {
	own := map[string]string{}
	for k, v := range s.values {
		own[k] = v
	}
	if s.fn != nil {
		s.fn(own)
	}
}

func (s *shelf) Set(_ context.Context, key, value string, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		return errLost
	}
	s.values[key] = value
	s.tell()
	return nil
}

func (s *shelf) Add(ctx context.Context, key, value string, life time.Duration) (bool, error) {
	s.mu.Lock()
	_, there := s.values[key]
	s.mu.Unlock()
	if there {
		return false, nil
	}
	return true, s.Set(ctx, key, value, life)
}

func (s *shelf) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	s.tell()
	return nil
}

func keeper(t *testing.T, store *shelf, change func(*Config)) *Keeper {
	t.Helper()
	cfg := Config{Names: []string{"a.example.org", "b.example.org"}, Store: store, Proxy: "p1", Secret: []byte("s"), Book: cert.NewBook()}
	if change != nil {
		change(&cfg)
	}
	k, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	k.settle = time.Millisecond
	return k
}

// certificate makes one for a name that lasts from a time for 90 days.
func certificate(t *testing.T, name string, from time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: from, NotAfter: from.Add(90 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := encode(key, [][]byte{der})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDue(t *testing.T) {
	begins := time.Unix(1e9, 0)
	ends := begins.Add(90 * 24 * time.Hour)
	for days, want := range map[int]bool{-1: false, 0: false, 59: false, 61: true, 89: true, 91: true} {
		if got := Due(begins, ends, begins.Add(time.Duration(days)*24*time.Hour)); got != want {
			t.Errorf("after %d days: %v", days, got)
		}
	}
	for failed, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 6: 32 * time.Minute, 7: time.Hour, 1000: time.Hour} {
		if got := Pause(failed); got != want {
			t.Errorf("after %d failures: %v, want %v", failed, got, want)
		}
	}
}

// TestTake: what is in the store is what the proxy shows, as far as it can be read.
func TestTake(t *testing.T) {
	store := &shelf{values: map[string]string{}}
	k := keeper(t, store, nil)
	now := time.Now()
	if names := k.due(now); names != nil {
		t.Errorf("%v are due before the store has been read", names)
	}
	put := func(k *Keeper, name string, from time.Time) {
		store.values[certPrefix+name] = k.box.Seal(certificate(t, name, from))
	}
	put(k, "a.example.org", now.Add(-80*24*time.Hour))
	put(k, "b.example.org", now)
	put(k, "c.example.org", now) // nobody asks for it any more
	store.values[tokenPrefix+"tok"] = "tok.answer"
	k.take(store.values)
	if names := k.due(now); len(names) != 1 || names[0] != "a.example.org" || k.fresh("a.example.org") || !k.fresh("b.example.org") {
		t.Errorf("%v are due", names)
	}
	if a, ok := k.Answer("tok"); a != "tok.answer" || !ok {
		t.Errorf("answer %q", a)
	}
	if _, ok := k.Answer("other"); ok {
		t.Error("an answer to a token that nobody knows")
	}
	for _, name := range []string{"a.example.org", "b.example.org"} {
		c, err := k.cfg.Book.Get(&tls.ClientHelloInfo{ServerName: name})
		if err != nil || c.Leaf.DNSNames[0] != name {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if n := len(k.cfg.Book.List()); n != 2 {
		t.Errorf("%d certificates", n)
	}
	// Sealed with another secret, and not at all.
	put(keeper(t, store, func(c *Config) { c.Secret = []byte("guess") }), "b.example.org", now)
	store.values[certPrefix+"a.example.org"] = "junk"
	k.take(store.values)
	if names := k.due(now); len(names) != 2 || len(k.cfg.Book.List()) != 0 {
		t.Errorf("%v are due", names)
	}
}

// TestAuthorityFails: a failure is told and not repeated at once; the lock is free
// again; while another proxy has the lock nothing is asked.
func TestAuthorityFails(t *testing.T) {
	asked := 0
	authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		http.Error(w, "closed today", http.StatusForbidden)
	}))
	defer authority.Close()
	store := &shelf{values: map[string]string{}}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	k := keeper(t, store, func(c *Config) { c.Directory, c.HTTP = authority.URL, &http.Client{Transport: transport} })
	k.take(store.values)
	store.fn = k.take

	store.values[lockKey] = "p2"
	k.renew(t.Context(), "a.example.org")
	if asked != 0 || len(k.due(time.Now())) != 2 {
		t.Error("asked while another proxy does")
	}
	delete(store.values, lockKey)
	k.renew(t.Context(), "a.example.org")
	if names := k.due(time.Now()); asked == 0 || len(names) != 1 || names[0] != "b.example.org" {
		t.Errorf("asked %d times, %v are due", asked, names)
	}
	if names := k.due(time.Now().Add(time.Minute + time.Second)); len(names) != 2 {
		t.Errorf("%v are due a minute later", names)
	}
	if _, locked := store.values[lockKey]; locked || store.values[accountKey] == "" {
		t.Errorf("%v", store.values)
	}
	// The account stays the same one.
	first, err := k.accountKey(t.Context())
	again, err2 := keeperWith(t, store).accountKey(t.Context())
	if err != nil || err2 != nil || !first.Public().(*ecdsa.PublicKey).Equal(again.Public()) {
		t.Errorf("another account: %v, %v", err, err2)
	}
	store.lost = true
	k.renew(t.Context(), "b.example.org")
	if len(k.due(time.Now())) != 0 {
		t.Error("a store that is lost is asked again at once")
	}
}

func keeperWith(t *testing.T, store *shelf) *Keeper {
	k := keeper(t, store, nil)
	k.take(store.values)
	return k
}

// TestDamagedAccount: it is not replaced, since the certificates hang on it.
func TestDamagedAccount(t *testing.T) {
	k := keeper(t, &shelf{values: map[string]string{}}, nil)
	for _, text := range []string{"junk", k.box.Seal([]byte("junk"))} {
		k.account = text
		if _, err := k.accountKey(t.Context()); err == nil || !strings.Contains(err.Error(), "read the account's key") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestPublishWaits until the answer has come back from the store, or there is no time
// left.
func TestPublishWaits(t *testing.T) {
	store := &shelf{values: map[string]string{}}
	k := keeper(t, store, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.publish(ctx, tokenPrefix+"t", "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	store.fn = k.take
	if err := k.publish(t.Context(), tokenPrefix+"t2", "a2"); err != nil {
		t.Error(err)
	}
	if a, _ := k.Answer("t2"); a != "a2" {
		t.Errorf("%q", a)
	}
}

// away is a Store that is lost when keys are to be deleted: a Delete waits for it.
type away struct{ *shelf }

func (away) Delete(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestStoreIsAwayAtTheEnd: a proxy that stops does not wait for a store that is gone.
func TestStoreIsAwayAtTheEnd(t *testing.T) {
	authority := httptest.NewServer(http.NotFoundHandler())
	defer authority.Close()
	k := keeper(t, &shelf{values: map[string]string{}}, func(c *Config) {
		c.Store, c.Directory = away{&shelf{values: map[string]string{}}}, authority.URL
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { k.renew(ctx, "a.example.org"); close(ended) }()
	stop()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for ever")
	}
}

// TestKinds: the two challenges take turns, unless one is asked for.
func TestKinds(t *testing.T) {
	k := keeper(t, &shelf{values: map[string]string{}}, nil)
	for failed, want := range []string{HTTP01, TLSALPN01, HTTP01, TLSALPN01} {
		k.tries["a.example.org"] = tries{failed: failed}
		if got := k.kinds("a.example.org"); len(got) != 2 || got[0] != want {
			t.Errorf("after %d failures: %v", failed, got)
		}
	}
	for _, kind := range []string{HTTP01, TLSALPN01} {
		k.cfg.Challenge = kind
		if got := k.kinds("a.example.org"); len(got) != 1 || got[0] != kind {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

// TestProofs: the proof for an authority is shown to it alone, by every proxy that shares
// the store, and goes when it goes there.
func TestProofs(t *testing.T) {
	store := &shelf{values: map[string]string{}}
	k, other := keeper(t, store, nil), keeper(t, store, nil)
	account, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, value, asks, err := k.proof(&acme.Client{Key: account}, "a.example.org", &acme.Challenge{Type: TLSALPN01, Token: "tok"})
	if err != nil || !strings.HasPrefix(value, "sealed:") || asks != "a.example.org:443" {
		t.Fatalf("%q, %q, %v", value, asks, err)
	}
	show := func(protos ...string) (*tls.Certificate, string, error) {
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		server := tls.Server(a, other.cfg.Book.Config())
		failed := make(chan error, 1)
		go func() { failed <- server.Handshake() }()
		client := tls.Client(b, &tls.Config{ServerName: "a.example.org", NextProtos: protos, InsecureSkipVerify: true}) //nolint:gosec // made for this test
		if err := client.Handshake(); err != nil {
			_ = b.Close()
			<-failed
			return nil, "", err
		}
		s := client.ConnectionState()
		return &tls.Certificate{Leaf: s.PeerCertificates[0]}, s.NegotiatedProtocol, <-failed
	}
	store.values[certPrefix+"a.example.org"] = k.box.Seal(certificate(t, "a.example.org", time.Now()))
	other.take(store.values)
	if c, _, err := show(cert.Proof); err == nil {
		t.Errorf("a proof without a challenge: %v", c.Leaf.DNSNames)
	}
	store.values[key] = value
	store.values[proofPrefix+"elsewhere.example.org"] = value
	other.take(store.values)
	isProof := func(c *tls.Certificate) bool {
		return slices.ContainsFunc(c.Leaf.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "1.3.6.1.5.5.7.1.31" })
	}
	if c, proto, err := show(cert.Proof); err != nil || !isProof(c) || proto != cert.Proof {
		t.Errorf("no proof: %v, %q", err, proto)
	}
	for _, protos := range [][]string{nil, {"h2"}, {"http/1.1", cert.Proof}} {
		if c, proto, err := show(protos...); err != nil || isProof(c) || proto == cert.Proof {
			t.Errorf("%v: %v, %q", protos, err, proto)
		}
	}
	delete(store.values, key)
	other.take(store.values)
	if _, _, err := show(cert.Proof); err == nil {
		t.Error("a proof after the challenge")
	}
}
