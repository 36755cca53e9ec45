package crash

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"syscall"
	"time"
)

// Leader is whom a node follows.
type Leader struct {
	Name, Addr string
	Term       uint64
}

// Log says how far a node's log goes.
type Log struct {
	Name             string
	LastTerm, LastIx uint64
}

// Config is what a Watch needs of its node. All is required.
type Config struct {
	Name   string
	Logger *slog.Logger
	// Leader returns whom the node follows as a voter, if that leader has said of
	// itself, in this term, that it asks before it answers reads.
	Leader func() (Leader, bool)
	// Followed returns a channel that is closed when the connection to a leader ends;
	// an error if there is none.
	Followed func(ctx context.Context, l Leader) (<-chan struct{}, error)
	// Dial tries to connect to a leader.
	Dial func(ctx context.Context, l Leader) error
	// Voters returns how many vote, and the names of those other than this node and
	// the leader.
	Voters func(l Leader) (all int, others []string)
	// Ask sends a question, which Answer answers, to a voter.
	Ask func(ctx context.Context, name string, question []byte) ([]byte, error)
	// Log returns how far this node's log goes.
	Log func() Log
	// Stand makes this node stand for election, if it still follows l.
	Stand func(ctx context.Context, l Leader) error
	// Changes returns a channel that is told when the leader may be another one.
	Changes func(ctx context.Context) <-chan struct{}
}

// Watch follows the leader.
type Watch struct{ cfg Config }

// New returns a Watch; Run makes it follow.
func New(cfg Config) *Watch { return &Watch{cfg} }

const (
	dialWait = 200 * time.Millisecond // for a connection to be refused
	askWait  = 300 * time.Millisecond // for another voter, who dials too
	calm     = 2 * time.Second        // between two elections that this node brings about
)

// Run follows the leader until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	changes := w.cfg.Changes(ctx)
	var last time.Time
	for ctx.Err() == nil {
		l, ok := w.cfg.Leader()
		var ended <-chan struct{} // nil: there is nobody to follow
		var retry <-chan time.Time
		if ok {
			var err error
			if ended, err = w.cfg.Followed(ctx, l); err != nil {
				retry = time.After(dialWait)
			}
		}
		select {
		case <-ended:
		case <-retry:
			continue
		case <-changes:
			continue
		case <-ctx.Done():
			return
		}
		if time.Since(last) < calm {
			// Were it to end again at once, this would be a busy loop.
			select {
			case <-time.After(dialWait):
			case <-ctx.Done():
			}
			continue
		}
		if now, ok := w.cfg.Leader(); ok && now == l && w.refused(ctx, l) {
			last = time.Now()
			w.react(ctx, l)
		}
	}
}

// refused reports whether nobody listens at the leader's address on a machine that
// lives.
func (w *Watch) refused(ctx context.Context, l Leader) bool {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	return errors.Is(w.cfg.Dial(ctx, l), syscall.ECONNREFUSED)
}

// react stands for election if a majority is refused, and this node's log is the one
// that nobody has to wait for.
func (w *Watch) react(ctx context.Context, l Leader) {
	all, others := w.cfg.Voters(l)
	logs := []Log{w.cfg.Log()}
	answers := make(chan *Log, len(others))
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	question := appendQuestion(nil, l)
	for _, name := range others {
		go func() { // ends with ctx
			var log *Log
			if b, err := w.cfg.Ask(ctx, name, question); err == nil {
				log = parseLog(name, b)
			}
			answers <- log
		}()
	}
	for range others {
		if log := <-answers; log != nil {
			logs = append(logs, *log)
		}
	}
	if len(logs) < all/2+1 {
		w.cfg.Logger.Debug("the leader refuses connections, but not to a majority", "leader", l.Name, "agree", len(logs))
		return
	}
	if best(logs).Name != w.cfg.Name {
		return // whoever it is has noticed as well, or the election timeout will
	}
	err := w.cfg.Stand(ctx, l)
	w.cfg.Logger.Info("the leader's process has ended: standing for election", "leader", l.Name, "term", l.Term, "err", err)
}

// best returns whose log goes furthest; of equal ones the first by name.
func best(logs []Log) Log {
	return slices.MaxFunc(logs, func(a, b Log) int {
		return cmp.Or(cmp.Compare(a.LastTerm, b.LastTerm), cmp.Compare(a.LastIx, b.LastIx), -cmp.Compare(a.Name, b.Name))
	})
}

// Answer answers another node's question: how far this node's log goes, if it
// follows the same leader in the same term and is refused by it too.
func (w *Watch) Answer(ctx context.Context, question []byte) ([]byte, error) {
	asked, ok := parseQuestion(question)
	if !ok {
		return nil, errMalformed
	}
	l, ok := w.cfg.Leader()
	if !ok || l.Name != asked.Name || l.Term != asked.Term {
		return nil, errElse
	}
	if !w.refused(ctx, l) {
		return nil, errAlive
	}
	log := w.cfg.Log()
	return binary.AppendUvarint(binary.AppendUvarint(nil, log.LastTerm), log.LastIx), nil
}

var (
	errMalformed = errors.New("question is malformed")
	errElse      = errors.New("this node follows somebody else")
	errAlive     = errors.New("the leader does not refuse this node")
)

func appendQuestion(dst []byte, l Leader) []byte {
	return append(binary.AppendUvarint(dst, l.Term), l.Name...)
}

func parseQuestion(b []byte) (l Leader, ok bool) {
	term, n := binary.Uvarint(b)
	if n <= 0 {
		return l, false
	}
	return Leader{Term: term, Name: string(b[n:])}, true
}

func parseLog(name string, b []byte) *Log {
	term, n := binary.Uvarint(b)
	if n <= 0 {
		return nil
	}
	index, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return nil
	}
	return &Log{Name: name, LastTerm: term, LastIx: index}
}
