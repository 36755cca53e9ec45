package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Monitor is made of. The zero value watches its own host.
type Config struct {
	// Name is this node's name, shown as the host's. Default: the host's name.
	Name string
	// Version is shown on the page.
	Version string
	// Cluster asks for the state of the whole cluster; it is called once a second
	// with a deadline, never twice at once. Nil: the monitor shows its host only.
	Cluster func(ctx context.Context) (ClusterState, error)
	// HostProc and HostSys are where the host's /proc and /sys are mounted.
	// Default: /host/proc and /host/sys where those exist (the usual mounts of a
	// monitoring container), else /proc and /sys.
	HostProc, HostSys string
	// HostRoot is where the host's / is mounted, for the space on its disks.
	// Default: /host/root where that exists, else /.
	HostRoot string
	// Span is how much is kept in memory at one second. Default 1 h, at least 5
	// minutes; about 14 KB an hour for each series.
	Span time.Duration
	// Interval is the time between two samples; default 1 s, also the least.
	Interval time.Duration
	// Hosts are further values the Host header may have, besides addresses,
	// localhost and names without a dot: a page of another site must not be able
	// to read this one through a name that it points here (DNS rebinding).
	Hosts []string
	// Authorize, when set, decides for each request whether it may go on; false
	// is answered 401. The admin listener usually does this before.
	Authorize func(*http.Request) bool
	// Logger gets warnings and changes of state. Nil discards them.
	Logger *slog.Logger
	// Metrics, when set, gets the monitor registered as a collector.
	Metrics prometheus.Registerer
}

const (
	minSpan     = 5 * time.Minute
	maxSpan     = 24 * time.Hour
	pollTimeout = 2 * time.Second
)

// withDefaults returns c complete, or every mistake in it.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Span == 0 {
		c.Span = time.Hour
	}
	if c.Span < minSpan || c.Span > maxSpan {
		errs = append(errs, fmt.Errorf("monitor span %v is not between %v and %v", c.Span, minSpan, maxSpan))
	}
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.Interval < time.Second || c.Interval%time.Second != 0 {
		errs = append(errs, fmt.Errorf("monitor interval %v is not a whole number of seconds", c.Interval))
	}
	c.HostProc = firstDir(c.HostProc, "/host/proc", "/proc")
	c.HostSys = firstDir(c.HostSys, "/host/sys", "/sys")
	c.HostRoot = firstDir(c.HostRoot, "/host/root", "/")
	if c.Name == "" {
		c.Name, _ = os.Hostname() // nameless is still a host: "localhost" below
	}
	if c.Name == "" {
		c.Name = "localhost"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
}

// firstDir is set if it is not empty, else usual if it is a directory, else last.
func firstDir(set, usual, last string) string {
	if set != "" {
		return set
	}
	if i, err := os.Stat(usual); err == nil && i.IsDir() {
		return usual
	}
	return last
}
