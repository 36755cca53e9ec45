package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pingd/counter"
	"pingd/kv"
	"pingd/kv/client"
	"pingd/monitor"
	"pingd/proxy"

	"golang.org/x/sync/errgroup"
)

const (
	surveyTimeout = 900 * time.Millisecond // of one process; the monitor asks each second
	surveyAtOnce  = 16                     // processes asked at the same time
	surveyLimit   = 4 << 20                // bytes of one process's status
)

// survey tells the monitor the state of the whole cluster: every process
// announces its admin listener in the store, and is asked there for its status.
type survey struct {
	store  *client.Client
	secret string
	log    *slog.Logger
	http   http.Client
	nodes  atomic.Pointer[[]announcement] // as announced last; nil until the store answered
}

// monitorRole is the monitor with what it knows of the cluster.
type monitorRole struct {
	*monitor.Monitor
	survey *survey // nil when no store is named
}

// Run serves until ctx ends.
func (m monitorRole) Run(ctx context.Context) error {
	if m.survey == nil {
		return m.Monitor.Run(ctx)
	}
	defer m.survey.http.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.Monitor.Run(ctx) })
	g.Go(func() error { return m.survey.follow(ctx) })
	return g.Wait()
}

// follow keeps the list of processes until ctx ends.
func (s *survey) follow(ctx context.Context) error {
	err := s.store.Watch(ctx, nodesPrefix, func(values map[string]string) {
		list := make([]announcement, 0, len(values))
		for key, value := range values {
			var a announcement
			if err := json.Unmarshal([]byte(value), &a); err != nil {
				s.log.Warn("announcement left out", "key", key, "err", err)
				continue
			}
			list = append(list, a)
		}
		slices.SortFunc(list, func(a, b announcement) int { return strings.Compare(a.Name, b.Name) })
		s.nodes.Store(&list)
	})
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("follow the announcements of the cluster: %w", err)
}

// account is what a process's /status says, as far as it is asked for.
type account struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Roles   struct {
		Store   *kv.Status      `json:"store"`
		Proxy   *proxy.Status   `json:"proxy"`
		Counter *counter.Status `json:"counter"`
	} `json:"roles"`
	Addrs map[string]string `json:"addrs"`
}

// state asks every process at once. One that does not answer is part of the
// answer; an error means that nothing is known of the cluster.
func (s *survey) state(ctx context.Context) (monitor.ClusterState, error) {
	nodes := s.nodes.Load()
	if nodes == nil {
		return monitor.ClusterState{}, errors.New("the store has not answered yet")
	}
	accounts := make([]*account, len(*nodes))
	failures := make([]error, len(*nodes))
	var wg sync.WaitGroup
	slots := make(chan struct{}, surveyAtOnce)
	for i, n := range *nodes {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			accounts[i], failures[i] = s.ask(ctx, n.Admin)
		})
	}
	wg.Wait()
	return compose(time.Now(), *nodes, accounts, failures), nil
}

func (s *survey) ask(ctx context.Context, admin string) (*account, error) {
	if admin == "" {
		return nil, errors.New("it has no admin listener")
	}
	ctx, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/status", nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", admin, err)
	}
	if s.secret != "" {
		req.Header.Set("Authorization", "Bearer "+s.secret)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err // names the method and the address
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: %s", admin, resp.Status)
	}
	a := new(account)
	if err := json.NewDecoder(io.LimitReader(resp.Body, surveyLimit)).Decode(a); err != nil {
		return nil, fmt.Errorf("read status of %s: %w", admin, err)
	}
	return a, nil
}
