// Package fleet is the proxies of a cluster as operators' commands see them: what
// they say of their servers, what became of a request, and what operators decide.
//
//	pingd servers ──▶ /pingd/nodes/* in the store ──▶ admin listeners of the proxies, all at once
//	pingd drain   ──▶ /pingd/proxy/servers/* in the store ──▶ every proxy watches it
//
// Without a store there is one proxy, asked and told at its admin listener.
package fleet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"pingd/proxy"
	"pingd/proxy/cluster"
	"pingd/proxy/upstream"
)

// limit bounds what is read of one answer.
const limit = 16 << 20

// Errors of a Fleet.
var (
	// ErrNoProxy is returned where no proxy answers.
	ErrNoProxy = errors.New("no proxy answers")
	// ErrNoServer is returned for a name that no proxy has.
	ErrNoServer = errors.New("no proxy has such a server")
	// ErrWhich is returned for a name that servers of several services have.
	ErrWhich = errors.New("several services have a server of that name")
)

// Member is one proxy.
type Member struct {
	Name  string
	Admin string // host:port of its admin listener
}

// Fleet is the proxies. Its fields are set before use; its methods are safe for
// concurrent use.
type Fleet struct {
	Members []Member
	// Secret is the cluster's password, empty if it has none.
	Secret string
	// DialTLS opens connections to admin listeners with TLS (nil: they have none).
	DialTLS func(ctx context.Context, network, addr string) (net.Conn, error)
	// Store is what the proxies share (nil: the only member is told itself).
	Store cluster.Store
}

// Row is a server as the proxies see it.
type Row struct {
	Service string                         `json:"service"`
	Name    string                         `json:"name"`
	Seen    map[string]proxy.BackendStatus `json:"seen"` // by proxy
}

// Servers returns the servers of all services, sorted, and who did not answer. It
// fails if nobody does.
func (f *Fleet) Servers(ctx context.Context) (rows []Row, silent map[string]error, err error) {
	answers := make([][]proxy.BackendStatus, len(f.Members))
	silent, err = f.each(func(i int, m Member) error { return f.do(ctx, m, http.MethodGet, "/proxy/servers", nil, &answers[i]) })
	if err != nil {
		return nil, silent, err
	}
	at := map[[2]string]int{}
	for i, list := range answers {
		for _, b := range list {
			key := [2]string{b.Service, b.Name}
			n, known := at[key]
			if !known {
				n = len(rows)
				at[key] = n
				rows = append(rows, Row{b.Service, b.Name, map[string]proxy.BackendStatus{}})
			}
			rows[n].Seen[f.Members[i].Name] = b
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
	})
	return rows, silent, nil
}

// Explain returns what became of the requests with an id, the latest first.
func (f *Fleet) Explain(ctx context.Context, id string) (found []proxy.Request, silent map[string]error, err error) {
	answers := make([][]proxy.Request, len(f.Members))
	silent, err = f.each(func(i int, m Member) error {
		return f.do(ctx, m, http.MethodGet, "/proxy/explain?id="+url.QueryEscape(id), nil, &answers[i])
	})
	for i, list := range answers {
		for _, r := range list {
			r.Proxy = cmp.Or(r.Proxy, f.Members[i].Name)
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b proxy.Request) int { return b.Time.Compare(a.Time) })
	return found, silent, err
}

// Act does what a asks for at all proxies, and returns the service whose server it is
// about.
func (f *Fleet) Act(ctx context.Context, a proxy.Action) (service string, err error) {
	rows, _, err := f.Servers(ctx)
	if err != nil {
		return "", err
	}
	if a.Service, err = whose(rows, a.Service, a.Server); err != nil {
		return "", err
	}
	if f.Store == nil {
		return a.Service, f.do(ctx, f.Members[0], http.MethodPost, "/proxy/servers", a, nil)
	}
	return a.Service, cluster.Decide(ctx, f.Store, a.Service, a.Server, func(o upstream.Override) (upstream.Override, error) { return a.Apply(o) })
}

func whose(rows []Row, service, server string) (found string, err error) {
	for _, r := range rows {
		if r.Name != server || service != "" && r.Service != service {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("server %q: %w: %s, %s", server, ErrWhich, found, r.Service)
		}
		found = r.Service
	}
	if found == "" {
		return "", fmt.Errorf("server %q: %w", server, ErrNoServer)
	}
	return found, nil
}

// each asks all members at once. It fails if none answers.
func (f *Fleet) each(ask func(i int, m Member) error) (silent map[string]error, err error) {
	errs := make([]error, len(f.Members))
	var wg sync.WaitGroup
	for i, m := range f.Members {
		wg.Go(func() { errs[i] = ask(i, m) })
	}
	wg.Wait()
	silent = map[string]error{}
	for i, m := range f.Members {
		if errs[i] != nil {
			silent[m.Name] = errs[i]
		}
	}
	if len(silent) == len(f.Members) {
		return silent, errors.Join(append([]error{ErrNoProxy}, errs...)...)
	}
	return silent, nil
}

// do asks a member; in and out are what is sent and read as JSON, or nil.
func (f *Fleet) do(ctx context.Context, m Member, method, path string, in, out any) error {
	if m.Admin == "" {
		return fmt.Errorf("proxy %s has no admin listener", m.Name)
	}
	scheme := "http"
	transport := &http.Transport{DisableKeepAlives: true, DialTLSContext: f.DialTLS}
	defer transport.CloseIdleConnections()
	if f.DialTLS != nil {
		scheme = "https"
	}
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return fmt.Errorf("encode for %s: %w", m.Admin, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, scheme+"://"+m.Admin+path, &body)
	if err != nil {
		return fmt.Errorf("ask %s: %w", m.Admin, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if f.Secret != "" {
		req.Header.Set("Authorization", "Bearer "+f.Secret)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", m.Admin, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	switch {
	case err != nil:
		return fmt.Errorf("read answer of %s: %w", m.Admin, err)
	case resp.StatusCode >= 300:
		return fmt.Errorf("ask %s: %s: %s", m.Admin, resp.Status, strings.TrimSpace(string(text)))
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read answer of %s: %w", m.Admin, err)
	}
	return nil
}
