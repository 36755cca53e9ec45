package counter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Limits of clients that are slow or silent.
const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 75 * time.Second // longer than a proxy keeps a connection
)

// How often what lasts too long is looked for: a twentieth of what a visitor
// waits, within these.
const (
	sweepMin = 5 * time.Millisecond
	sweepMax = 250 * time.Millisecond
)

// acceptPauseMax bounds the pause after a connection could not be taken, for want
// of descriptors.
const acceptPauseMax = time.Second

// conns are the open connections.
type conns struct {
	mu  sync.Mutex
	all map[*conn]struct{}
}

func (s *conns) add(c *conn) {
	s.mu.Lock()
	s.all[c] = struct{}{}
	s.mu.Unlock()
}

func (s *conns) remove(c *conn) {
	s.mu.Lock()
	delete(s.all, c)
	s.mu.Unlock()
}

// list returns them all, in the memory of list.
func (s *conns) list(list []*conn) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.all {
		list = append(list, c)
	}
	return list
}

// accept serves connections until the listener is closed. nil: by shutdown.
func (c *Counter) accept() error {
	defer close(c.accepted)
	for pause := time.Duration(0); ; {
		nc, err := c.listener.Accept()
		if err == nil {
			pause = 0
			cn := newConn(c, nc)
			c.conns.add(cn)
			c.serving.Go(cn.serve)
			continue
		}
		select {
		case <-c.closing:
			return nil
		default:
		}
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() {
			return fmt.Errorf("serve %s: %w", c.listener.Addr(), err)
		}
		pause = min(max(5*time.Millisecond, 2*pause), acceptPauseMax)
		c.log.Debug("connection not taken", "err", err, "pause", pause)
		select {
		case <-c.closing:
			return nil
		case <-time.After(pause):
		}
	}
}

// sweep ends what lasts too long, until ctx ends.
func (c *Counter) sweep(ctx context.Context) {
	var list []*conn
	tick := time.NewTicker(min(max(c.cfg.VisitTimeout/20, sweepMin), sweepMax))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		list = c.conns.list(list[:0])
		for _, cn := range list {
			cn.sweep(c.now())
		}
		clear(list)
	}
}

// shutdown closes the listener and waits for requests under way until ctx ends;
// then it cuts them off. Connections on which nothing was ever sent get Grace to
// do so.
func (c *Counter) shutdown(ctx context.Context) error {
	close(c.closing)
	_ = c.listener.Close()
	<-c.accepted
	silent := c.now() + c.cfg.Grace
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		list := c.conns.list(nil)
		if len(list) == 0 {
			return nil
		}
		for _, cn := range list {
			cn.release(c.now() >= silent)
		}
		if !sleep(ctx, pause) {
			c.cutAll()
			return fmt.Errorf("%d connections: %w", len(list), context.Cause(ctx))
		}
	}
}

func (c *Counter) cutAll() {
	for _, cn := range c.conns.list(nil) {
		cn.mu.Lock()
		cn.cut()
		cn.mu.Unlock()
	}
}

// sleep waits for d. False: ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// now is the time since the counter was made.
func (c *Counter) now() time.Duration { return time.Since(c.started) }

// writeTimeout bounds writing to a client that does not read.
func (c *Counter) writeTimeout() time.Duration { return 2*c.cfg.VisitTimeout + readHeaderTimeout }

// date is the present second as HTTP writes it (RFC 9110, section 6.6.1).
func (c *Counter) date() string {
	now := time.Now()
	if d := c.dated.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &date{second: now.Unix(), text: now.UTC().Format(http.TimeFormat)}
	c.dated.Store(d)
	return d.text
}

// date is a second and its text.
type date struct {
	second int64
	text   string
}
