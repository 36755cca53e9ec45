package counter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Incrementer adds one to key for each token that was not counted before and
// returns each token's number. Counting a token twice is its business to
// prevent, so a call may be repeated.
//
// An error that has a method Definite() bool returning true says that none of
// the tokens was counted; any other error leaves that open.
type Incrementer interface {
	Incr(ctx context.Context, key string, tokens []string) ([]int64, error)
}

// Registrar publishes the counter's address. Register blocks: it holds the
// registration until ctx ends, removes it and returns nil. An error before that
// ends the role.
type Registrar interface {
	Register(ctx context.Context) error
}

// Config sets up a Counter. The zero value of a field means its default.
type Config struct {
	// Listener takes connections; nil = listen on Addr.
	Listener net.Listener
	// Addr is host:port to listen on when Listener is nil (default
	// 127.0.0.1:8000).
	Addr string

	// Key is the store key that holds the number (default "hits"). Visible
	// ASCII without spaces.
	Key string
	// Store counts; required.
	Store Incrementer
	// Registrar publishes the address; nil = nobody is told.
	Registrar Registrar

	// VisitTimeout is how long a visitor waits at most (default 5 s) before the
	// answer is 503.
	VisitTimeout time.Duration
	// MaxWaiting is how many visits may wait at the same time (default 16384);
	// further ones are answered 503 at once.
	MaxWaiting int
	// MaxBatch is how many visits one call of Store carries at most (default
	// 1024).
	MaxBatch int

	// Grace is how long a stopping counter goes on serving after it was
	// deregistered, and how long no new visit must have come before it closes
	// (default 300 ms): the time proxies need to let go.
	Grace time.Duration
	// DrainTimeout bounds stopping as a whole (default 10 s).
	DrainTimeout time.Duration

	// Logger receives changes of state; nil = discard.
	Logger *slog.Logger
	// Metrics registers the pingd_counter_ metrics; nil = none.
	Metrics prometheus.Registerer
}

// withDefaults returns cfg with defaults in place of zero values, and every
// mistake in it.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:8000"
	}
	if cfg.Key == "" {
		cfg.Key = "hits"
	}
	setDefault(&cfg.VisitTimeout, 5*time.Second)
	setDefault(&cfg.Grace, 300*time.Millisecond)
	setDefault(&cfg.DrainTimeout, 10*time.Second)
	setDefault(&cfg.MaxWaiting, 16384)
	setDefault(&cfg.MaxBatch, 1024)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Logger = cfg.Logger.With("component", "counter")

	var errs []error
	if cfg.Store == nil {
		errs = append(errs, errors.New("counter: no store to count in\nhint: --join=127.0.0.1:6379"))
	}
	if !visible(cfg.Key) {
		errs = append(errs, fmt.Errorf("counter: key %q holds spaces or non-ASCII bytes", cfg.Key))
	}
	for _, f := range []struct {
		name string
		bad  bool
	}{
		{"visit timeout", cfg.VisitTimeout < 0},
		{"grace", cfg.Grace < 0},
		{"drain timeout", cfg.DrainTimeout < 0},
		{"number of waiting visits", cfg.MaxWaiting < 0},
		{"batch size", cfg.MaxBatch < 0},
	} {
		if f.bad {
			errs = append(errs, fmt.Errorf("counter: %s is negative", f.name))
		}
	}
	if cfg.Grace > cfg.DrainTimeout/2 {
		errs = append(errs, fmt.Errorf("counter: grace %v must be at most half of drain timeout %v", cfg.Grace, cfg.DrainTimeout))
	}
	return cfg, errors.Join(errs...)
}

func setDefault[T ~int | ~int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}
