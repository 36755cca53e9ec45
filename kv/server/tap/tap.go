package tap

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Watcher gets the lines. PushLine neither blocks nor keeps the line.
type Watcher interface{ PushLine(line []byte) }

// Tap is the watchers of one node. Its zero value has none; it is safe for
// concurrent use.
type Tap struct {
	n atomic.Int64

	mu       sync.RWMutex
	watchers map[Watcher]struct{}
}

// On reports whether anybody watches.
func (t *Tap) On() bool { return t.n.Load() > 0 }

// Join adds a watcher.
func (t *Tap) Join(w Watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watchers == nil {
		t.watchers = map[Watcher]struct{}{}
	}
	t.watchers[w] = struct{}{}
	t.n.Store(int64(len(t.watchers)))
}

// Leave removes a watcher, if it is one.
func (t *Tap) Leave(w Watcher) {
	if !t.On() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.watchers, w)
	t.n.Store(int64(len(t.watchers)))
}

// Show sends a command to every watcher.
func (t *Tap) Show(at time.Time, db uint8, addr string, args [][]byte) {
	line := AppendLine(nil, at, db, addr, args)
	t.mu.RLock()
	defer t.mu.RUnlock()
	for w := range t.watchers {
		w.PushLine(line)
	}
}

// maxShown is how many bytes of an argument are shown: a watcher must not cost
// more memory than the command.
const maxShown = 64 << 10

// AppendLine writes what MONITOR shows of a command: time, database, client,
// arguments.
func AppendLine(dst []byte, at time.Time, db uint8, addr string, args [][]byte) []byte {
	dst = append(dst, '+')
	dst = strconv.AppendInt(dst, at.Unix(), 10)
	dst = append(dst, '.')
	micros := strconv.Itoa(1_000_000 + at.Nanosecond()/1000)
	dst = append(dst, micros[1:]...)
	dst = append(dst, " ["...)
	dst = strconv.AppendUint(dst, uint64(db), 10)
	dst = append(dst, ' ')
	dst = append(dst, addr...)
	dst = append(dst, ']')
	for _, a := range args {
		dst = append(dst, ' ')
		dst = appendQuoted(dst, a[:min(len(a), maxShown)])
	}
	return append(dst, '\r', '\n')
}

// appendQuoted writes bytes as Redis does for people (sdscatrepr).
func appendQuoted(dst, b []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range b {
		switch {
		case c == '\\' || c == '"':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\a':
			dst = append(dst, '\\', 'a')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c < ' ' || c > '~':
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
