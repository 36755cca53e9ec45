package supervise

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Config of a Supervised process.
type Config struct {
	// Reasons returns what cannot serve yet, and why; none when all is well.
	Reasons func() []string
	// Answer returns once every part of the process has answered for itself. It may
	// block as long as a part that is stuck does.
	Answer func()
	// ReadyWait is how long the manager waits at most for readiness (default 15s).
	ReadyWait time.Duration
	// Logger receives what went wrong; nil = discard.
	Logger *slog.Logger
}

// How often readiness is looked at, before and after the process is ready.
const (
	lookSoon = 50 * time.Millisecond
	lookCalm = 2 * time.Second
)

// Run notifies the service manager until ctx ends. It returns nil.
func Run(ctx context.Context, cfg Config) error {
	if cfg.ReadyWait <= 0 {
		cfg.ReadyWait = 15 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &supervised{cfg: cfg}
	if !s.notify("STATUS=starting") {
		<-ctx.Done()
		return nil
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.watch(ctx)
	}()
	s.tell(ctx)
	<-stopped
	return nil
}

// Stopping tells the manager that the stop has begun.
func Stopping() {
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping+"\nSTATUS=stopping") // nobody to tell: fine
}

type supervised struct {
	cfg    Config
	failed bool
}

// notify reports whether there is a manager that takes the message.
func (s *supervised) notify(state string) bool {
	sent, err := daemon.SdNotify(false, state)
	if err != nil && !s.failed {
		s.failed = true
		s.cfg.Logger.Warn("service manager not told", "err", err)
	}
	return sent || err != nil
}

// tell says when the process is ready, and what it waits for.
func (s *supervised) tell(ctx context.Context) {
	began := time.Now()
	told, ready := "", false
	tick := time.NewTicker(lookSoon)
	defer tick.Stop()
	for {
		status := "serving"
		reasons := s.cfg.Reasons()
		if len(reasons) > 0 {
			status = "waiting: " + strings.Join(reasons, "; ")
		}
		state := ""
		if !ready && (len(reasons) == 0 || time.Since(began) >= s.cfg.ReadyWait) {
			ready, state = true, daemon.SdNotifyReady+"\n"
			tick.Reset(lookCalm)
		}
		if status != told || state != "" {
			told = status
			s.notify(state + "STATUS=" + strings.ReplaceAll(status, "\n", " "))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// watch feeds the watchdog, if there is one, while Answer returns.
func (s *supervised) watch(ctx context.Context) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.cfg.Logger.Warn("watchdog of the service manager not understood", "err", err)
	}
	if limit <= 0 {
		return
	}
	tick := time.NewTicker(limit / 2)
	defer tick.Stop()
	// A question to a part that is stuck never ends, and nobody waits for it; any
	// other ends by itself.
	answers := make(chan struct{}, 1)
	ask := func() {
		s.cfg.Answer()
		answers <- struct{}{}
	}
	go ask()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case <-answers:
			s.notify(daemon.SdNotifyWatchdog)
			go ask()
		default:
			s.cfg.Logger.Error("a part of the process does not answer for itself; the watchdog is not fed", "waited", limit/2)
		}
	}
}
