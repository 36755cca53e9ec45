package slowlog

import (
	"strconv"
	"sync"
	"time"
)

// Log keeps the latest slow executions (Redis command SLOWLOG). It is safe for
// concurrent use.
type Log struct {
	mu      sync.Mutex
	next    int64
	max     int
	entries []Entry // newest last
}

// Entry is one slow execution.
type Entry struct {
	ID         int64 // set by Add
	At         time.Time
	Took       time.Duration
	Args       []string // as Shorten leaves them
	Addr, Name string   // of the client
}

// New returns an empty log that keeps 128 entries.
func New() *Log { return &Log{max: 128} }

// Resize sets how many entries are kept (slowlog-max-len).
func (l *Log) Resize(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.max = n
	l.trim()
}

func (l *Log) trim() {
	if n := len(l.entries) - l.max; n > 0 {
		l.entries = append([]Entry(nil), l.entries[n:]...)
	}
}

// Add appends an entry and gives it the next number.
func (l *Log) Add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.ID = l.next
	l.next++
	l.entries = append(l.entries, e)
	l.trim()
}

// Latest returns up to n entries, newest first; negative n means all.
func (l *Log) Latest(n int) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 0 || n > len(l.entries) {
		n = len(l.entries)
	}
	list := make([]Entry, 0, n)
	for i := len(l.entries) - 1; len(list) < n; i-- {
		list = append(list, l.entries[i])
	}
	return list
}

// Len returns how many entries there are.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// Reset forgets all entries (SLOWLOG RESET).
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

// What an entry keeps of a command, as in Redis.
const (
	maxArgs = 32
	maxArg  = 128 // bytes
)

// Shorten returns what an entry shows of a command: at most 32 arguments of 128
// bytes, and how much was left out.
func Shorten(args [][]byte) []string {
	short := make([]string, 0, min(len(args), maxArgs))
	for i, a := range args {
		if i == maxArgs-1 && len(args) > maxArgs {
			return append(short, "... ("+strconv.Itoa(len(args)-i)+" more arguments)")
		}
		text := string(a[:min(len(a), maxArg)])
		if more := len(a) - maxArg; more > 0 {
			text += "... (" + strconv.Itoa(more) + " more bytes)"
		}
		short = append(short, text)
	}
	return short
}
