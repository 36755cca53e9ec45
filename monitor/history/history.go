package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"pingd/monitor/history/archive"
	"pingd/monitor/history/head"
)

// Config says what a History keeps and where.
type Config struct {
	// Dir is the directory for what is kept on disk; it is made if it is missing,
	// and has one owner. Empty: everything is kept in memory only.
	Dir string
	// Span is how much is kept in memory at one second. It is kept a few minutes
	// longer, since an hour is sealed only after it is over.
	Span time.Duration
	// Keep is how long minutes are kept on disk. Default 30 days.
	Keep time.Duration
	// Limit is the most bytes that all files may take; the oldest minutes go
	// earlier if need be. Default 1 GiB.
	Limit int64
	// Logger gets what goes wrong with the disk. Nil discards it.
	Logger *slog.Logger

	// space tells the free and the whole bytes of the disk Dir is on; tests set it.
	space func(dir string) (free, size int64, err error)
}

const (
	defaultKeep  = 30 * 24 * time.Hour
	defaultLimit = 1 << 30
	// slack is how much longer than Span the ring reaches.
	slack = 10 * time.Minute
)

// History is a monitor's memory. Create it with Open. Safe for concurrent use,
// except that Run may be called once.
type History struct {
	*Ring
	cfg     Config
	archive *archive.Archive // nil without a directory
	lock    *os.File

	mu      sync.Mutex // guards what the disk sees; held while it works
	log     *head.Log
	notes   []archive.Note // of hours that are not sealed yet
	unready []int64        // starts of hours that are over and not sealed
	next    int64          // the minute that is to be kept next
	credit  int            // fsyncs that may be made now; negative after an archive
	begun   bool           // what an earlier life left was archived

	// queue takes what is to be remembered from those who must not wait for a disk.
	// Its mutex is never held while the disk works, and comes after mu.
	queue struct {
		sync.Mutex
		frames []frame
		kept   map[byte][]byte
		signal chan struct{}
	}

	paused  atomic.Bool
	stats   counters
	problem atomic.Pointer[string]
}

// counters are what Stats shows.
type counters struct {
	syncs, frames, seals, failures atomic.Uint64
	bytes                          atomic.Int64
}

// Stats is how the history on disk is.
type Stats struct {
	Bytes    int64  `json:"bytes"`    // of all files, as of the last look each hour
	Syncs    uint64 `json:"syncs"`    // times something was put on the disk, since the start
	Frames   uint64 `json:"frames"`   // minutes and notes written
	Seals    uint64 `json:"seals"`    // hours archived
	Failures uint64 `json:"failures"` // times the disk refused
	Problem  string `json:"problem,omitempty"`
}

// ErrInUse says that another process keeps its history in the same directory.
var ErrInUse = errors.New("another process keeps its history there")

// Open returns a History with what the directory of cfg holds of the last hour. The
// error wraps ErrInUse, or says why the directory can not be used.
func Open(cfg Config, now time.Time) (*History, error) {
	if cfg.Span <= 0 {
		cfg.Span = time.Hour
	}
	if cfg.Keep <= 0 {
		cfg.Keep = defaultKeep
	}
	if cfg.Limit <= 0 {
		cfg.Limit = defaultLimit
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.space == nil {
		cfg.space = diskSpace
	}
	h := &History{Ring: NewRing(int((cfg.Span + slack) / time.Second)), cfg: cfg, credit: 1}
	h.queue.kept, h.queue.signal = map[byte][]byte{}, make(chan struct{}, 1)
	h.Ring.Begin(now.Unix()).Close() // from here on the past can be filled in
	if cfg.Dir == "" {
		return h, nil
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the directory of the history: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(cfg.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the history in %s: %w", cfg.Dir, err)
	}
	if err := own(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("open the history in %s: %w", cfg.Dir, err), lock.Close())
	}
	h.lock, h.log, h.archive = lock, head.Open(cfg.Dir), archive.Open(cfg.Dir)
	h.look()
	if err := h.restore(now.Unix()); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Stats tells how the history on disk is; the zero value without a directory.
func (h *History) Stats() Stats {
	s := Stats{
		Bytes: h.stats.bytes.Load(), Syncs: h.stats.syncs.Load(), Frames: h.stats.frames.Load(),
		Seals: h.stats.seals.Load(), Failures: h.stats.failures.Load(),
	}
	if p := h.problem.Load(); p != nil {
		s.Problem = *p
	}
	return s
}

// OnDisk reports whether anything is kept on disk.
func (h *History) OnDisk() bool { return h.archive != nil }

// Run keeps the history on disk until ctx ends, and then what the running minute
// has so far.
func (h *History) Run(ctx context.Context) error {
	if h.archive == nil {
		<-ctx.Done()
		return nil
	}
	h.Minute(time.Now().Unix())
	timer := time.NewTimer(time.Until(nextMinute(time.Now())))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			h.finish(time.Now().Unix())
			return nil
		case <-h.queue.signal:
			h.flush()
		case <-timer.C:
			h.Minute(time.Now().Unix())
			timer.Reset(time.Until(nextMinute(time.Now())))
		}
	}
}

// settle is how long after its end a minute is taken to be complete: what is heard
// of a cluster comes a little later than the second it is about.
const settle = 3 * time.Second

func nextMinute(now time.Time) time.Time {
	return now.Add(-settle).Truncate(time.Minute).Add(time.Minute + settle)
}

// Close lets go of the directory. What was not kept yet is lost, so that it follows
// Run.
func (h *History) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lock == nil {
		return nil
	}
	err := errors.Join(h.log.Close(), h.lock.Close())
	h.lock = nil
	return err
}

// fails notes what went wrong with the disk, and logs it once.
func (h *History) fails(err error) {
	h.stats.failures.Add(1)
	text := err.Error()
	if old := h.problem.Swap(&text); old == nil || *old != text {
		h.cfg.Logger.Warn("history is not kept on disk", "component", "monitor", "err", err)
	}
}

func (h *History) works() {
	if h.problem.Swap(nil) != nil {
		h.cfg.Logger.Info("history is kept on disk again", "component", "monitor")
	}
}
