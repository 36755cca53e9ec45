package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pingd/monitor/api"
	"pingd/monitor/history"
)

// shared are the series that every monitor of a cluster has alike: what one has, the
// others can take over. Those of a host are its own monitor's.
var shared = []string{
	"requests.*", "latency.*", "backend.*", "backends.*", "proxy.*", "visits.*", "counter.*", "raft.*", "store.*", "nodes.*", "node.*", "host.*",
}

const (
	maxAnswer   = 64 << 20
	copyTimeout = 20 * time.Second
	// copyPause lies between two questions, so that taking over a month is no load.
	copyPause = time.Second
)

// copyOld takes over from other monitors what this one lacks of the last day and
// month: it is new in the cluster, or was away for long. pause lies between two
// questions.
func (m *Monitor) copyOld(ctx context.Context, now time.Time, pause time.Duration) {
	peer, ok := m.otherMonitor()
	if !ok || !m.history.OnDisk() {
		return
	}
	client := &http.Client{Timeout: copyTimeout, Transport: &http.Transport{DialTLSContext: m.cfg.DialTLS}}
	defer client.CloseIdleConnections()
	taken := 0
	for _, gap := range m.history.Missing(witness, now.Unix()) {
		if ctx.Err() != nil {
			return
		}
		answer, err := askSeries(ctx, client, peer, gap)
		if err != nil {
			m.cfg.Logger.Debug("history of another monitor not taken over", "component", "monitor", "err", err)
			return
		}
		start, points := answer.Unpack()
		if m.history.TakeOver(gap, start, points) {
			taken++
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
	if taken > 0 {
		m.cfg.Logger.Info("history taken over from another monitor", "component", "monitor", "from", peer.Base, "parts", taken)
	}
}

// otherMonitor is the first by name of the other monitors that live.
func (m *Monitor) otherMonitor() (api.Peer, bool) {
	if m.cfg.Peer == nil {
		return api.Peer{}, false
	}
	for _, n := range m.board.Cluster().Nodes { // sorted by name
		if n.Alive && n.Name != m.cfg.Name && slices.Contains(n.Roles, "monitor") {
			if p, ok := m.cfg.Peer(n.Name); ok {
				return p, true
			}
		}
	}
	return api.Peer{}, false
}

func askSeries(ctx context.Context, client *http.Client, peer api.Peer, q history.Query) (*api.Series, error) {
	v := url.Values{"name": {strings.Join(shared, ",")}, "minmax": {"1"}}
	for key, n := range map[string]int64{"from": q.From, "to": q.To, "step": q.Step} {
		v.Set(key, strconv.FormatInt(n, 10))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, peer.Base+"/api/v1/series?"+v.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", peer.Base, err)
	}
	req.Header = peer.Header.Clone()
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for history: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s for history: %s", peer.Base, resp.Status)
	}
	answer := &api.Series{}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(answer); err != nil {
		return nil, fmt.Errorf("read history of %s: %w", peer.Base, err)
	}
	if answer.Step != q.Step || answer.From%q.Step != 0 {
		return nil, errors.New("the other monitor keeps another resolution")
	}
	return answer, nil
}
