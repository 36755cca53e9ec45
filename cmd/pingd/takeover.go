package main

import (
	"context"
	"time"

	"pingd/proxy"
)

// settleTimeout is how long a proxy that takes over may take to know its servers.
const settleTimeout = 10 * time.Second

// handOver has the process before this one stop once this one serves, and
// calls leave when there is one after it.
func (e *env) handOver(ctx context.Context, roles []role, leave func()) error {
	for _, r := range roles {
		if p, ok := r.(*proxy.Proxy); ok {
			select {
			case <-p.Began():
			case <-ctx.Done():
			}
		}
	}
	if ctx.Err() == nil && e.listeners.succeed(ctx, e.o.ProxyHandover, e.log) {
		e.log.Info("another process has taken over, this one stops")
		close(e.succeeded)
		leave()
	}
	<-ctx.Done()
	return nil
}

// runAdmin serves the admin listener until ctx ends, or until another process serves
// on the same socket.
func (e *env) runAdmin(ctx context.Context) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-e.succeeded:
			stop()
		case <-serving.Done():
		}
	}()
	err := e.admin.Run(serving)
	if err == nil {
		<-ctx.Done()
	}
	return err
}
