package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"pingd/cmd/pingd/config"
)

// Times of the health command.
const (
	healthTimeout = 2 * time.Second        // for one answer
	healthAgain   = 100 * time.Millisecond // between two questions, with --wait
)

// health asks the process on this machine whether it lives or, with --ready,
// whether it can serve; with --wait again and again until it says so.
func health(ctx context.Context, o config.Options, stdout io.Writer) error {
	transport, base, err := toAdmin(o)
	if err != nil {
		return err
	}
	transport.DisableKeepAlives = true
	defer transport.CloseIdleConnections()
	path := "/healthz"
	if o.Command.Ready {
		path = "/readyz"
	}
	url := base + path
	until := time.Now().Add(o.Command.Wait)
	for {
		err := askHealth(ctx, transport, url)
		if err == nil {
			fmt.Fprintln(stdout, "ok")
			return nil
		}
		if ctx.Err() != nil || !time.Now().Before(until) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(healthAgain):
		}
	}
}

func askHealth(ctx context.Context, transport http.RoundTripper, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w\nhint: --admin-addr must be that of the running process", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	if resp.StatusCode == http.StatusBadRequest && strings.HasPrefix(url, "http:") {
		return fmt.Errorf("ask %s: %s\nhint: the process may speak TLS: give its --tls-ca, --tls-cert and --tls-key", url, resp.Status)
	}
	reason, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	return fmt.Errorf("ask %s: %s: %s", url, resp.Status, strings.ReplaceAll(strings.TrimSpace(string(reason)), "\n", "; "))
}
