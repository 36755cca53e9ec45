package counter

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is an Incrementer that counts each token once, as the store does.
type memory struct {
	before func(ctx context.Context, tokens []string) error // called first, unlocked

	mu      sync.Mutex
	numbers map[string]int64 // by token
	calls   [][]string
	next    int64
}

func (m *memory) Incr(ctx context.Context, _ string, tokens []string) ([]int64, error) {
	if m.before != nil {
		if err := m.before(ctx, tokens); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.numbers == nil {
		m.numbers = map[string]int64{}
	}
	m.calls = append(m.calls, append([]string(nil), tokens...))
	list := make([]int64, len(tokens))
	for i, t := range tokens {
		if m.numbers[t] == 0 {
			m.next++
			m.numbers[t] = m.next
		}
		list[i] = m.numbers[t]
	}
	return list, nil
}

// held returns a store whose calls wait for release, and that tells how many have
// begun.
func held() (store *memory, begun *atomic.Int32, release chan struct{}) {
	begun, release = new(atomic.Int32), make(chan struct{})
	return &memory{before: func(context.Context, []string) error {
		begun.Add(1)
		<-release
		return nil
	}}, begun, release
}

func (m *memory) batches() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.calls)
}

// running is a counter under test.
type running struct {
	*Counter
	t      *testing.T
	url    string
	client *http.Client
	stop   context.CancelFunc
	done   chan error
}

// start runs a counter until stopped or the test ends.
func start(t *testing.T, cfg Config) *running {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Store == nil {
		cfg.Store = &memory{}
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	r := &running{
		Counter: c, t: t, url: "http://" + c.Addr().String(), stop: cancel, done: make(chan error, 1),
		client: &http.Client{Transport: transport, Timeout: 30 * time.Second},
	}
	go func() { r.done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		transport.CloseIdleConnections()
		r.wait()
	})
	return r
}

// wait returns what Run returned.
func (r *running) wait() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		return err
	case <-time.After(time.Minute):
		r.t.Fatal("Run did not end")
		return nil
	}
}

// do sends a request and returns the answer with its body read.
func (r *running) do(method, path string, header ...string) (*http.Response, string) {
	r.t.Helper()
	resp, body, err := r.try(method, path, header...)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, body
}

func (r *running) try(method, path string, header ...string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// eventually polls a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-tick.C:
		}
	}
}

func TestWhatCounts(t *testing.T) {
	c := start(t, Config{})
	for _, tc := range []struct {
		method, path string
		status       int
		body, allow  string
	}{
		{"GET", "/", 200, "1\n", ""},
		{"GET", "/", 200, "2\n", ""},
		{"GET", "/?a=b&c", 200, "3\n", ""},
		{"HEAD", "/", 200, "", ""},
		{"GET", "/index.html", 404, "not found\n", ""},
		{"GET", "//", 404, "not found\n", ""},
		{"GET", "/favicon.ico", 404, "not found\n", ""},
		{"POST", "/nowhere", 404, "not found\n", ""},
		{"POST", "/", 405, "method not allowed\n", "GET, HEAD"},
		{"PUT", "/", 405, "method not allowed\n", "GET, HEAD"},
		{"OPTIONS", "/", 405, "method not allowed\n", "GET, HEAD"},
		{"DELETE", "/", 405, "method not allowed\n", "GET, HEAD"},
		{"get", "/", 405, "method not allowed\n", "GET, HEAD"},
		{"GET", "/healthz", 200, "ok\n", ""},
		{"HEAD", "/healthz", 200, "", ""},
		{"POST", "/healthz", 405, "method not allowed\n", "GET, HEAD"},
		{"GET", "/", 200, "4\n", ""},
	} {
		resp, body := c.do(tc.method, tc.path)
		if resp.StatusCode != tc.status || body != tc.body || resp.Header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: %d %q Allow %q, want %d %q %q", tc.method, tc.path,
				resp.StatusCode, body, resp.Header.Get("Allow"), tc.status, tc.body, tc.allow)
		}
		if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") {
			t.Errorf("%s %s: Content-Type %q", tc.method, tc.path, ct)
		}
		if cc := resp.Header.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("%s %s: Cache-Control %q", tc.method, tc.path, cc)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	store := &memory{}
	c := start(t, Config{Store: store})
	long := strings.Repeat("k", 255)
	for _, tc := range []struct {
		name   string
		header []string
		status int
		body   string
	}{
		{"first", []string{"Idempotency-Key", "abc"}, 200, "1\n"},
		{"again", []string{"Idempotency-Key", "abc"}, 200, "1\n"},
		{"other spelling of the field", []string{"idempotency-key", "abc"}, 200, "1\n"},
		{"other key", []string{"Idempotency-Key", `"abc"`}, 200, "2\n"},
		{"longest", []string{"Idempotency-Key", long}, 200, "3\n"},
		{"none", nil, 200, "4\n"},
		{"none again", nil, 200, "5\n"},
		{"too long", []string{"Idempotency-Key", long + "k"}, 400, errKeyInvalid.Error() + "\n"},
		{"empty", []string{"Idempotency-Key", ""}, 400, errKeyInvalid.Error() + "\n"},
		{"space inside", []string{"Idempotency-Key", "a b"}, 400, errKeyInvalid.Error() + "\n"},
		{"not ASCII", []string{"Idempotency-Key", "schlüssel"}, 400, errKeyInvalid.Error() + "\n"},
		{"two", []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}, 400, errKeyRepeated.Error() + "\n"},
		{"still the first", []string{"Idempotency-Key", "abc"}, 200, "1\n"},
	} {
		resp, body := c.do("GET", "/", tc.header...)
		if resp.StatusCode != tc.status || body != tc.body {
			t.Errorf("%s: %d %q, want %d %q", tc.name, resp.StatusCode, body, tc.status, tc.body)
		}
	}
}

// A visitor cannot choose a key that is a token of the counter's own.
func TestKeyCannotBeAnOwnToken(t *testing.T) {
	tok := newTokens("hits")
	own, _ := tok.next(0, nil)
	for _, key := range []string{own, strings.ReplaceAll(own, " ", "")} {
		if got, err := tok.next(1, []byte(key)); err == nil && got == own {
			t.Errorf("key %q became the token %q", key, got)
		}
	}
	again, _ := newTokens("hits").next(0, nil)
	if own == again {
		t.Errorf("two processes share the token %q", own)
	}
	a, _ := newTokens("a").next(1, []byte("x"))
	b, _ := newTokens("b").next(1, []byte("x"))
	if a == b {
		t.Errorf("counters with different keys share the token %q", a)
	}
}

func FuzzToken(f *testing.F) {
	for _, seed := range []string{"", "a", "a b", "\x7f", strings.Repeat("x", 256), "v AAAA 1", "é"} {
		f.Add(seed)
	}
	tok := newTokens("hits")
	f.Fuzz(func(t *testing.T, key string) {
		got, err := tok.next(1, []byte(key))
		if valid := len(key) <= 255 && visible(key); valid != (err == nil) {
			t.Fatalf("key %q: err %v", key, err)
		}
		if err == nil && (!strings.HasPrefix(got, "k hits ") || !strings.HasSuffix(got, key)) {
			t.Fatalf("key %q became %q", key, got)
		}
	})
}

func TestEveryVisitorGetsANumberOfItsOwn(t *testing.T) {
	store := &memory{before: func(context.Context, []string) error { return nil }}
	c := start(t, Config{Store: store, MaxBatch: 7})
	const visitors, each = 20, 25
	seen := make([]bool, visitors*each+1)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range visitors {
		wg.Go(func() {
			for range each {
				resp, body, err := c.try("GET", "/")
				n, perr := strconv.Atoi(strings.TrimSuffix(body, "\n"))
				if err != nil || perr != nil || resp.StatusCode != 200 || n < 1 || n >= len(seen) {
					t.Errorf("answer %q: %v %v", body, err, perr)
					return
				}
				mu.Lock()
				if seen[n] {
					t.Errorf("number %d twice", n)
				}
				seen[n] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	st := c.Status().(Status)
	if st.Visits != visitors*each || st.Errors != 0 || st.MeanBatch < 1 || st.MeanBatch > 7 {
		t.Errorf("status %+v", st)
	}
}

// definiteError is a store's way to say that nothing was counted.
type definiteError struct{}

func (definiteError) Error() string  { return "no leader" }
func (definiteError) Definite() bool { return true }

func TestStoreFailures(t *testing.T) {
	var fail error
	store := &memory{before: func(context.Context, []string) error { return fail }}
	c := start(t, Config{Store: store})
	for _, tc := range []struct {
		name string
		err  error
		body string
	}{
		{"surely not", definiteError{}, textUnsent},
		{"perhaps", errors.New("connection lost"), textUncertain},
	} {
		fail = tc.err
		resp, body := c.do("GET", "/")
		if resp.StatusCode != 503 || body != tc.body || resp.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %q Retry-After %q", tc.name, resp.StatusCode, body, resp.Header.Get("Retry-After"))
		}
	}
	fail = nil
	if _, body := c.do("GET", "/"); body != "1\n" {
		t.Errorf("after the failures: %q", body)
	}
	if st := c.Status().(Status); st.Errors != 2 || st.Visits != 1 || st.Batches != 1 {
		t.Errorf("status %+v", st)
	}
}

// A store that returns the wrong number of numbers is not believed.
type shortStore struct{}

func (shortStore) Incr(context.Context, string, []string) ([]int64, error) { return nil, nil }

func TestStoreThatAnswersTooLittle(t *testing.T) {
	c := start(t, Config{Store: shortStore{}})
	if resp, body := c.do("GET", "/"); resp.StatusCode != 503 || body != textUncertain {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}
