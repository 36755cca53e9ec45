package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pingd/monitor/alert"
)

// Message is what happened, as one way or another tells it.
type Message struct {
	Node    string // the monitor that tells
	Page    string // where its page is; may be empty
	Changes []alert.Change
}

// Way is a way to tell people.
type Way interface {
	// Name is what logs call it; it holds no secret.
	Name() string
	// Send delivers m or says why not. An error that wraps ErrRefused is final.
	Send(ctx context.Context, m Message) error
}

// ErrRefused says that the other side will not take a message, however often it is
// sent.
var ErrRefused = errors.New("refused")

// RetryAfter is an error of a Way whose other side asked for that much patience.
type RetryAfter struct {
	Wait time.Duration
	Err  error
}

// Error implements error.
func (e *RetryAfter) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RetryAfter) Unwrap() error { return e.Err }

const (
	sendTimeout = 15 * time.Second
	firstWait   = time.Second
	maxWait     = 5 * time.Minute
	giveUp      = 24 * time.Hour
	// maxQueue bounds the changes that wait for one way; the oldest go first.
	maxQueue = 500
	// maxChanges bounds one message.
	maxChanges = 50
	// gather is how long the first change waits for others of the same trouble.
	gather = time.Second
)

// Notifier tells people. Create it with New; Tell may be called at any time, also
// before Run. Safe for concurrent use.
type Notifier struct {
	node, page string
	queues     []*queue
	log        *slog.Logger
}

// queue is what waits for one way.
type queue struct {
	way    Way
	signal chan struct{}

	mu      sync.Mutex
	waiting []waiting
	dropped int // how many ever made room for newer ones
	sent    uint64
	failed  uint64
	problem string
}

type waiting struct {
	alert.Change
	since time.Time
}

// New makes a notifier for the node of that name, whose page is at page.
func New(node, page string, log *slog.Logger, ways ...Way) *Notifier {
	n := &Notifier{node: node, page: page, log: log}
	for _, w := range ways {
		n.queues = append(n.queues, &queue{way: w, signal: make(chan struct{}, 1)})
	}
	return n
}

// Ways is in how many ways it tells people.
func (n *Notifier) Ways() int { return len(n.queues) }

// Tell queues changes. It does not wait.
func (n *Notifier) Tell(changes []alert.Change) {
	if len(changes) == 0 {
		return
	}
	now := time.Now()
	for _, q := range n.queues {
		q.mu.Lock()
		for _, c := range changes {
			q.waiting = append(q.waiting, waiting{c, now})
		}
		if over := len(q.waiting) - maxQueue; over > 0 {
			q.waiting = append(q.waiting[:0], q.waiting[over:]...)
			q.dropped += over
		}
		q.mu.Unlock()
		select {
		case q.signal <- struct{}{}:
		default:
		}
	}
}

// Status is how one way does.
type Status struct {
	Way     string `json:"way"`
	Sent    uint64 `json:"sent"`   // messages
	Failed  uint64 `json:"failed"` // attempts
	Waiting int    `json:"waiting"`
	Problem string `json:"problem,omitempty"` // of the last attempt
}

// Status tells how each way does.
func (n *Notifier) Status() []Status {
	var all []Status
	for _, q := range n.queues {
		q.mu.Lock()
		all = append(all, Status{q.way.Name(), q.sent, q.failed, len(q.waiting), q.problem})
		q.mu.Unlock()
	}
	return all
}

// Run delivers until ctx ends. What waits then is lost: alerts that are still
// raised are known after a restart, and people were told of what the log says.
func (n *Notifier) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, q := range n.queues {
		wg.Go(func() { n.serve(ctx, q) })
	}
	wg.Wait()
}

func (n *Notifier) serve(ctx context.Context, q *queue) {
	wait := gather
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.signal:
		}
		for q.pending() && pause(ctx, wait) {
			wait = n.attempt(ctx, q, wait)
		}
		wait = gather
	}
}

func (q *queue) pending() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) > 0
}

// pause waits that long; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// attempt sends what waits once, and returns how long to wait before the next.
func (n *Notifier) attempt(ctx context.Context, q *queue, waited time.Duration) time.Duration {
	q.mu.Lock()
	m := Message{Node: n.node, Page: n.page}
	for _, w := range q.waiting[:min(len(q.waiting), maxChanges)] {
		m.Changes = append(m.Changes, w.Change)
	}
	oldest, count, dropped := q.waiting[0].since, len(m.Changes), q.dropped
	q.mu.Unlock()

	c, cancel := context.WithTimeout(ctx, sendTimeout)
	err := q.way.Send(c, m)
	cancel()

	q.mu.Lock()
	defer q.mu.Unlock()
	done := func() {
		left := max(0, count-(q.dropped-dropped)) // some may have made room meanwhile
		q.waiting = append(q.waiting[:0], q.waiting[min(left, len(q.waiting)):]...)
	}
	if err == nil {
		q.sent++
		q.problem = ""
		done()
		return firstWait
	}
	q.failed++
	q.problem = err.Error()
	if errors.Is(err, ErrRefused) || time.Since(oldest) > giveUp {
		n.log.Warn("alert given up", "component", "monitor", "way", q.way.Name(), "err", err)
		done()
		return firstWait
	}
	wait := min(max(2*waited, firstWait), maxWait)
	var patience *RetryAfter
	if errors.As(err, &patience) {
		wait = min(max(wait, patience.Wait), giveUp)
	}
	n.log.Warn("alert not delivered", "component", "monitor", "way", q.way.Name(), "err", err, "again", wait)
	return wait
}

// Headline says in a few words what a message is about.
func (m *Message) Headline() string {
	raised, cleared := 0, 0
	worst := alert.Clear
	for i := range m.Changes {
		if c := &m.Changes[i]; c.Severity > alert.Clear {
			raised++
			worst = max(worst, c.Severity)
		} else {
			cleared++
		}
	}
	first := &m.Changes[0]
	switch {
	case len(m.Changes) == 1:
		return Line(first)
	case raised == 0:
		return fmt.Sprintf("%d alerts cleared on %s", cleared, m.Node)
	case cleared == 0:
		return fmt.Sprintf("%s: %d alerts on %s", label(worst), raised, m.Node)
	}
	return fmt.Sprintf("%s: %d alerts, %d cleared on %s", label(worst), raised, cleared, m.Node)
}

// Line says what one change is.
func Line(c *alert.Change) string {
	switch {
	case c.Gone:
		return "CLEARED: " + c.Text() + " (no more values)"
	case c.Severity == alert.Clear:
		return "CLEARED: " + c.Text()
	case c.Before > c.Severity:
		return label(c.Severity) + " (was worse): " + c.Text()
	}
	return label(c.Severity) + ": " + c.Text()
}

func label(s alert.Severity) string {
	switch s {
	case alert.Crit:
		return "CRITICAL"
	case alert.Warn:
		return "WARNING"
	}
	return "CLEARED"
}
