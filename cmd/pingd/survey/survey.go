package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pingd/counter"
	"pingd/kv"
	"pingd/monitor"
	"pingd/monitor/api"
	"pingd/monitor/cluster"
	"pingd/proxy"
)

// Prefix is where every process of a cluster tells of itself, for the monitor and
// for people.
const Prefix = "/pingd/nodes/"

// Silences is where silences of alerts are kept in the store, each with a time
// to live, so that every monitor heeds them.
const Silences = "/pingd/silences/"

const (
	// askTimeout bounds one process's answer: one that hangs must not hold up the
	// news of the others for long.
	askTimeout = 600 * time.Millisecond
	atOnce     = 128     // processes asked at the same time, so that many dead ones hold up nobody
	limit      = 4 << 20 // bytes of one process's status
)

// Announcement is the value at Prefix and a process's name.
type Announcement struct {
	Name      string            `json:"name"`
	Roles     []string          `json:"roles"`
	Admin     string            `json:"admin"` // host:port of the admin listener, as others reach it; empty if off
	Addrs     map[string]string `json:"addrs"` // listener -> host:port, as others reach it
	Container string            `json:"container,omitempty"`
}

// Watcher follows the keys under a prefix. kv/client's Client is one.
type Watcher interface {
	Watch(ctx context.Context, prefix string, fn func(values map[string]string)) error
}

// Survey asks a cluster. Create it with New. Safe for concurrent use.
type Survey struct {
	store  Watcher
	secret string
	log    *slog.Logger
	scheme string // of the admin listeners: all processes of a cluster have TLS, or none
	http   http.Client
	within time.Duration                  // of one process's answer
	nodes  atomic.Pointer[[]Announcement] // as announced last; nil until the store answered
}

// New makes a survey of the cluster behind store; secret is the cluster's password,
// empty if it has none. dialTLS opens connections to its admin listeners with TLS; nil:
// they have none.
func New(store Watcher, secret string, dialTLS func(ctx context.Context, network, addr string) (net.Conn, error), log *slog.Logger) *Survey {
	s := &Survey{
		store: store, secret: secret, log: log, scheme: "http", within: askTimeout,
		http: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2, DialTLSContext: dialTLS}},
	}
	if dialTLS != nil {
		s.scheme = "https"
	}
	return s
}

// Follow keeps the list of processes until ctx ends.
func (s *Survey) Follow(ctx context.Context) error {
	defer s.http.CloseIdleConnections()
	err := s.store.Watch(ctx, Prefix, func(values map[string]string) {
		list := make([]Announcement, 0, len(values))
		for key, value := range values {
			var a Announcement
			if err := json.Unmarshal([]byte(value), &a); err != nil {
				s.log.Warn("announcement left out", "key", key, "err", err)
				continue
			}
			list = append(list, a)
		}
		slices.SortFunc(list, func(a, b Announcement) int { return strings.Compare(a.Name, b.Name) })
		s.nodes.Store(&list)
	})
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("follow the announcements of the cluster: %w", err)
}

// ErrUnknown says that nothing is known of the cluster.
var ErrUnknown = errors.New("the store has not answered yet")

// Nodes are the processes as announced last, by name.
func (s *Survey) Nodes() ([]Announcement, error) {
	nodes := s.nodes.Load()
	if nodes == nil {
		return nil, ErrUnknown
	}
	return *nodes, nil
}

// Account is what a process's /status says, as far as it is asked for.
type Account struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`
	Roles   struct {
		Store   *kv.Status      `json:"store"`
		Proxy   *proxy.Status   `json:"proxy"`
		Counter *counter.Status `json:"counter"`
		Monitor *monitor.Status `json:"monitor"`
	} `json:"roles"`

	skew float64 // milliseconds its clock is ahead of ours
}

// State asks every process at once. One that does not answer is part of the
// answer; an error means that nothing is known of the cluster.
func (s *Survey) State(ctx context.Context) (cluster.State, error) {
	nodes, err := s.Nodes()
	if err != nil {
		return cluster.State{}, err
	}
	accounts := make([]*Account, len(nodes))
	failures := make([]error, len(nodes))
	each(len(nodes), func(i int) {
		ctx, cancel := context.WithTimeout(ctx, s.within)
		defer cancel()
		accounts[i], failures[i] = s.ask(ctx, nodes[i].Admin)
	})
	return compose(time.Now(), nodes, accounts, failures), nil
}

// each calls fn for 0 to n-1, some at the same time, and waits.
func each(n int, fn func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			fn(i)
		})
	}
	wg.Wait()
}

func (s *Survey) ask(ctx context.Context, admin string) (*Account, error) {
	a := new(Account)
	asked := time.Now()
	err := s.get(ctx, admin, "/status", func(r io.Reader) error {
		if err := json.NewDecoder(io.LimitReader(r, limit)).Decode(a); err != nil {
			return fmt.Errorf("read status of %s: %w", admin, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !a.Now.IsZero() {
		// Somewhere between question and answer it was now there: what the way took
		// is no skew.
		took := time.Since(asked)
		ahead := a.Now.Sub(asked.Add(took / 2))
		if ahead.Abs() > took/2 {
			a.skew = float64(ahead) / float64(time.Millisecond)
		}
	}
	return a, nil
}

// get asks a process's admin listener.
func (s *Survey) get(ctx context.Context, admin, path string, read func(io.Reader) error) error {
	if admin == "" {
		return errors.New("it has no admin listener")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.scheme+"://"+admin+path, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", admin, err)
	}
	s.authorize(req.Header)
	resp, err := s.http.Do(req)
	if err != nil {
		return err // names the method and the address
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s", admin, resp.Status)
	}
	return read(resp.Body)
}

func (s *Survey) authorize(h http.Header) {
	if s.secret != "" {
		h.Set("Authorization", "Bearer "+s.secret)
	}
}

// Peer tells where the monitor of a node answers.
func (s *Survey) Peer(node string) (api.Peer, bool) {
	nodes, err := s.Nodes()
	if err != nil {
		return api.Peer{}, false
	}
	for _, n := range nodes {
		if n.Name == node && n.Admin != "" && slices.Contains(n.Roles, "monitor") {
			p := api.Peer{Base: s.scheme + "://" + n.Admin, Header: http.Header{}}
			s.authorize(p.Header)
			return p, true
		}
	}
	return api.Peer{}, false
}

// Only is a Watcher for a process without a store: it is all there is. what is
// looked at when Watch begins.
func Only(what *atomic.Pointer[Announcement]) Watcher { return only{what} }

type only struct{ what *atomic.Pointer[Announcement] }

func (o only) Watch(ctx context.Context, _ string, fn func(values map[string]string)) error {
	if a := o.what.Load(); a != nil {
		text, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("encode announcement: %w", err)
		}
		fn(map[string]string{Prefix + a.Name: string(text)})
	}
	<-ctx.Done()
	return ctx.Err()
}
