package procs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"pingd/integration/procs/wire"
)

// pollEvery is how often Poll asks: short beside any time worth measuring, and
// cheap beside what is asked.
const pollEvery = 10 * time.Millisecond

// Poll calls ask until it returns nil. When ctx ends first, its error wraps the
// last answer: the one before, if ctx ended while ask was waiting.
func Poll(ctx context.Context, ask func(context.Context) error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: last answer: %w", context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}

// errEnded stops a wait for a process that will never be ready.
var errEnded = errors.New("process ended")

// WaitReady polls ask as Poll does, but gives up when the process ends. The
// error carries the tail of the process's output.
func (p *Process) WaitReady(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := p.Done()
	err := Poll(ctx, func(ctx context.Context) error {
		select {
		case <-done:
			cancel(errEnded)
		default:
		}
		return ask(ctx)
	})
	if err != nil {
		return fmt.Errorf("wait for %s (%s): %w\n%s", p.Name(), p.state(), err, p.Tail(20))
	}
	return nil
}

// Listens returns a question for Poll: does anything accept at addr?
func Listens(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		d := net.Dialer{Timeout: time.Second}
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// Answers returns a question for Poll: does a GET of url answer 200? For https its
// context says how (wire.WithTLS).
func Answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("ask %s: %w", url, err)
		}
		// No kept connections: each answer is the server's present state, and
		// nothing stays open behind the caller's back.
		req.Close = true
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: wire.TLSOf(ctx)}}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, 512))
		if err != nil {
			return fmt.Errorf("read %s: %w", url, err)
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s: %s", url, res.Status, body)
		}
		return nil
	}
}
