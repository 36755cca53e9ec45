package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Member is one part of the process.
type Member struct {
	Name string

	// Run serves until its context ends, lets go of what it holds, and returns
	// nil. A return before that is a failure, with or without an error.
	Run func(ctx context.Context) error
}

// Config says how a group stops.
type Config struct {
	// Timeout bounds a whole graceful stop (default 30s). Each member keeps a
	// small part of it to itself, so that a member that hangs does not take away
	// the orderly end of those it hides.
	Timeout time.Duration

	// Stopping, if set, is called once when the stop begins, before any member is
	// stopped.
	Stopping func()

	Logger *slog.Logger // nil: silent
}

// defaultTimeout is the value of a zero Config.Timeout.
const defaultTimeout = 30 * time.Second

// reserve is the part of the timeout that each member has for itself at least,
// however long those stopped before it take.
const reserve = 2 * time.Second

// ErrTimeout is wrapped in the error of Run when members did not stop in time.
var ErrTimeout = errors.New("did not stop in time")

// Run starts the members in their order and blocks until all have stopped. They
// stop in reverse order, each after the one before has ended, when ctx ends (Run
// returns nil then) or when a member fails (Run returns its error with its name).
//
// When ctx ends nothing is lost by waiting; when time runs out, members that still
// run are left behind and named in the error, which wraps ErrTimeout.
func Run(ctx context.Context, cfg Config, members ...Member) error {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	g := &group{cfg: cfg, ended: make(chan *running, len(members))}
	for _, m := range members {
		g.start(ctx, m)
	}
	var cause error
	if len(members) == 0 {
		<-ctx.Done()
		return nil
	}
	select {
	case <-ctx.Done():
	case r := <-g.ended:
		cause = r.failure()
		cfg.Logger.Error("a part of the process failed, stopping the others", "component", r.name, "err", cause)
	}
	if cfg.Stopping != nil {
		cfg.Stopping()
	}
	return g.stop(cause)
}

type group struct {
	cfg   Config
	all   []*running
	ended chan *running // buffered for all: an ending member never waits
}

type running struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{} // closed when Run has returned
	err    error         // what Run returned; read after done
}

// failure is the error of a member that returned without being told to.
func (r *running) failure() error {
	if r.err == nil {
		return fmt.Errorf("%s: ended by itself", r.name)
	}
	return fmt.Errorf("%s: %w", r.name, r.err)
}

// start runs m on a context of its own: members must not all see the end of the
// process at once, the order of stopping is ours to keep.
func (g *group) start(ctx context.Context, m Member) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{name: m.Name, cancel: cancel, done: make(chan struct{})}
	g.all = append(g.all, r)
	go func() { // ends with Run, and stop waits for done
		r.err = m.Run(own)
		close(r.done)
		g.ended <- r
	}()
}

// stop ends the members in reverse. cause is the failure that led here, if any.
func (g *group) stop(cause error) error {
	began := time.Now()
	errs := []error{cause}
	share := min(reserve, g.cfg.Timeout/time.Duration(2*len(g.all)))
	for i := len(g.all) - 1; i >= 0; i-- {
		r := g.all[i]
		r.cancel()
		left := g.cfg.Timeout - time.Since(began) - share*time.Duration(i)
		if !r.wait(left) {
			g.cfg.Logger.Warn("a part of the process takes long to stop, going on", "component", r.name, "took", time.Since(began))
			continue
		}
		g.cfg.Logger.Debug("stopped", "component", r.name, "took", time.Since(began))
	}
	var late []string
	for _, r := range g.all {
		switch {
		case !r.wait(g.cfg.Timeout - time.Since(began)):
			late = append(late, r.name)
		case r.err != nil && !errors.Is(cause, r.err):
			errs = append(errs, fmt.Errorf("stop %s: %w", r.name, r.err))
		}
	}
	if late != nil {
		errs = append(errs, fmt.Errorf("%s: %w (%s)", strings.Join(late, ", "), ErrTimeout, g.cfg.Timeout))
	}
	return errors.Join(errs...)
}

// wait waits at most limit for the member to end.
func (r *running) wait(limit time.Duration) bool {
	select {
	case <-r.done:
		return true
	default:
	}
	if limit <= 0 {
		return false
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.done:
		return true
	case <-timer.C:
		return false
	}
}
