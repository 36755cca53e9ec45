package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/session"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
)

// awaitData waits for a monitor's first answer and its first data, counted from
// when it was started.
func (w *watcher) awaitData(ctx context.Context, began time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, session.StartWithin)
	defer cancel()
	home := "http://" + w.Addr + "/"
	if err := w.WaitReady(ctx, procs.Answers(home)); err != nil {
		return err
	}
	w.StartMS = drive.Millis(time.Since(began))
	err := w.WaitReady(ctx, func(ctx context.Context) error {
		body, err := fetch(ctx, "http://"+w.Addr+w.first, "")
		if err == nil && !hasData(body) {
			err = errors.New("no data yet")
		}
		return err
	})
	w.DataMS = drive.Millis(time.Since(began))
	return err
}

// hasData tells whether an answer holds a value of the CPU's use: node_exporter's
// metrics, pingd's series, or a row of netdata's.
func hasData(body []byte) bool {
	if bytes.Contains(body, []byte("node_cpu_seconds_total{")) {
		return true
	}
	var a struct {
		Avg  map[string][]*float64
		Data [][]*float64
	}
	if json.Unmarshal(body, &a) != nil {
		return false
	}
	some := func(v *float64) bool { return v != nil }
	return slices.ContainsFunc(a.Avg["cpu.busy"], some) ||
		len(a.Data) > 0 && len(a.Data[0]) > 1 && slices.ContainsFunc(a.Data[0][1:], some)
}

// fetch gets an address. The body is as it went over the wire if encoding is set.
func fetch(ctx context.Context, address, encoding string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/html,*/*;q=0.1")
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", address, resp.Status)
	}
	return body, err
}

// scrape asks each for its metrics once a second, in turn, and notes how long the
// answers took.
func scrape(ctx context.Context, all []*watcher, d time.Duration) error {
	took := make([][]time.Duration, len(all))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); {
		for i, w := range all {
			began := time.Now()
			body, err := fetch(ctx, "http://"+w.Addr+w.metrics, "identity")
			if err != nil {
				return fmt.Errorf("metrics of %s: %w", w.Name, err)
			}
			took[i] = append(took[i], time.Since(began))
			w.Metrics = len(body)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for i, w := range all {
		w.WorstMS = drive.Millis(slices.Max(took[i]))
		w.MetricsMS = drive.Millis(stats.Median(took[i]))
	}
	return nil
}

var parts = regexp.MustCompile(`(?:src|href)="([^"]+\.(?:js|css)[^"]*)"`)

// weigh adds up a page and the scripts and styles that its HTML names, as they go
// over the wire: the least it takes, for scripts may load more.
func weigh(ctx context.Context, home string) (size, requests int, err error) {
	html, err := fetch(ctx, home, "")
	if err != nil {
		return 0, 0, err
	}
	base, err := url.Parse(home)
	if err != nil {
		return 0, 0, err
	}
	addresses := []string{home}
	for _, m := range parts.FindAllStringSubmatch(string(html), -1) {
		u, err := base.Parse(m[1])
		if err == nil && u.Host == base.Host && !slices.Contains(addresses, u.String()) {
			addresses = append(addresses, u.String())
		}
	}
	for _, a := range addresses {
		body, err := fetch(ctx, a, "gzip")
		if err != nil {
			if strings.Contains(err.Error(), "404") {
				continue // netdata's page names files that Debian leaves out
			}
			return 0, 0, err
		}
		size += len(body)
		requests++
	}
	return size, requests, nil
}
