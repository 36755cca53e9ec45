package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/monitor/alert"
	"pingd/monitor/api"
	"pingd/monitor/cluster"
	"pingd/monitor/notify"
)

// Config is what a Monitor is made of. The zero value watches its own host and
// keeps what it sees in memory.
type Config struct {
	// Name is this node's name, shown as the host's. Default: the host's name.
	Name string
	// Version is shown on the page.
	Version string

	// Cluster asks for the state of the whole cluster; it is called once a second
	// with a deadline, never twice at once. Nil: the monitor shows its host only.
	Cluster func(ctx context.Context) (cluster.State, error)
	// Past asks the processes what they remember of the seconds from..to: states as
	// Cluster's, a second each, oldest first. Nil: what is missed stays a gap.
	Past func(ctx context.Context, from, to time.Time) ([]cluster.State, error)
	// Peer tells where the monitor of another node answers. Nil: it is not known.
	Peer func(node string) (api.Peer, bool)
	// DialTLS opens connections to peers with https. Nil: as net/http does.
	DialTLS func(ctx context.Context, network, addr string) (net.Conn, error)

	// HostProc and HostSys are where the host's /proc and /sys are mounted.
	// Default: /host/proc and /host/sys where those exist (the usual mounts of a
	// monitoring container), else /proc and /sys.
	HostProc, HostSys string
	// HostRoot is where the host's / is mounted, for the space on its disks.
	// Default: /host/root where that exists, else / if HostProc is /proc.
	HostRoot string
	// Engine is the socket of a container engine, for the names of containers.
	// Default: /var/run/docker.sock; "off" to ask nobody.
	Engine string

	// Span is how much is kept in memory at one second. Default 1 h, at least 5
	// minutes; about 14 KB an hour for each series.
	Span time.Duration
	// Dir is the directory of the history on disk; empty: memory only.
	Dir string
	// Keep is how long minutes are kept on disk. Default 30 days.
	Keep time.Duration

	// Rules are the alert rules. Nil: alert.Defaults.
	Rules []alert.Rule
	// Ways are how people are told of alerts.
	Ways []notify.Way
	// Page is where people find the page, for messages.
	Page string

	// Actions permits those who may (see admin) to change something from the page:
	// silences always, the rest as Operator has it.
	Actions bool
	// Silences keeps silences for all monitors of a cluster. Nil: this one's own.
	Silences Silences
	// Operator changes backends. Nil: the page does not offer it.
	Operator Operator

	// Hosts are further values the Host header may have; see api.Config.
	Hosts []string
	// Authorize, when set, decides for each request whether it may go on; false
	// is answered 401. The admin listener usually does this before.
	Authorize func(*http.Request) bool
	// Logger gets warnings and changes of state. Nil discards them.
	Logger *slog.Logger
	// Metrics, when set, gets the monitor registered as a collector.
	Metrics prometheus.Registerer
}

// Silences keeps silences where every monitor of a cluster sees them.
type Silences interface {
	// Watch calls fn with all of them, at first and after each change, until ctx ends.
	Watch(ctx context.Context, fn func([]alert.Silence)) error
	Put(ctx context.Context, s alert.Silence) error
	Delete(ctx context.Context, id string) error
}

// Operator changes how backends are used. A method that is not there for good
// reason is said so by Can.
type Operator interface {
	Can() (drain, weight bool)
	Drain(ctx context.Context, backend string, drain bool) error
	SetWeight(ctx context.Context, backend string, weight int) error
}

const (
	minSpan       = 5 * time.Minute
	maxSpan       = 24 * time.Hour
	maxKeep       = 400 * 24 * time.Hour
	defaultEngine = "/var/run/docker.sock"
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
	if c.Keep < 0 || c.Keep > maxKeep {
		errs = append(errs, fmt.Errorf("monitor keep %v is not between 0 and %v", c.Keep, maxKeep))
	}
	c.HostProc = firstDir(c.HostProc, "/host/proc", "/proc")
	c.HostSys = firstDir(c.HostSys, "/host/sys", "/sys")
	root := ""
	if c.HostProc == "/proc" {
		root = "/"
	}
	c.HostRoot = firstDir(c.HostRoot, "/host/root", root)
	if c.Engine == "" {
		c.Engine = defaultEngine
	}
	if c.Name == "" {
		c.Name, _ = os.Hostname() // nameless is still a host: "localhost" below
	}
	if c.Name == "" {
		c.Name = "localhost"
	}
	if c.Rules == nil {
		c.Rules = alert.Defaults()
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

// inContainer reports whether this process runs in a container of its own, by
// the marks Docker and Podman leave.
func inContainer() bool {
	for _, mark := range [...]string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}
