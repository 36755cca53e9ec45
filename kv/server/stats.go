package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// stats are the figures of INFO and of the metrics since the start or the last
// CONFIG RESETSTAT.
type stats struct {
	accepted, rejected  atomic.Int64
	commands            atomic.Int64
	bytesIn, bytesOut   atomic.Int64
	errors, cut, panics atomic.Int64

	mu     sync.Mutex
	byCode map[string]int64 // error replies by their code
}

// maxCodes bounds the codes that are counted apart; the rest is counted together.
const maxCodes = 128

// countError counts an error reply by the code it begins with (INFO errorstats).
func (s *stats) countError(text string) {
	s.errors.Add(1)
	code := "ERR"
	for i := range len(text) {
		if b := text[i]; b < 'A' || b > 'Z' {
			if i > 0 {
				code = text[:i]
			}
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byCode == nil {
		s.byCode = map[string]int64{}
	}
	if _, ok := s.byCode[code]; !ok && len(s.byCode) >= maxCodes {
		code = "OTHER"
	}
	s.byCode[code]++
}

func (s *stats) codes() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string]int64, len(s.byCode))
	for code, n := range s.byCode {
		m[code] = n
	}
	return m
}

// resetStats begins to count anew (CONFIG RESETSTAT). Whoever reads the metrics
// sees that as a restart of the process.
func (s *Server) resetStats() {
	for _, n := range []*atomic.Int64{
		&s.stats.accepted, &s.stats.rejected, &s.stats.commands, &s.stats.bytesIn, &s.stats.bytesOut,
		&s.stats.errors, &s.stats.cut,
	} {
		n.Store(0)
	}
	for _, cmd := range s.table {
		cmd.calls.Store(0)
		cmd.failed.Store(0)
	}
	s.stats.mu.Lock()
	s.stats.byCode = nil
	s.stats.mu.Unlock()
}

// slowlog keeps the latest slow executions (Redis command SLOWLOG).
type slowlog struct {
	mu      sync.Mutex
	next    int64
	max     int
	entries []slowEntry // newest last
}

type slowEntry struct {
	id         int64
	at         time.Time
	took       time.Duration
	args       []string
	addr, name string
}

func newSlowlog() *slowlog { return &slowlog{max: 128} }

func (l *slowlog) resize(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.max = n
	l.trim()
}

func (l *slowlog) trim() {
	if n := len(l.entries) - l.max; n > 0 {
		l.entries = append([]slowEntry(nil), l.entries[n:]...)
	}
}

func (l *slowlog) add(e slowEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.id = l.next
	l.next++
	l.entries = append(l.entries, e)
	l.trim()
}

// latest returns up to n entries, newest first; negative n means all.
func (l *slowlog) latest(n int) []slowEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 0 || n > len(l.entries) {
		n = len(l.entries)
	}
	list := make([]slowEntry, 0, n)
	for i := len(l.entries) - 1; len(list) < n; i-- {
		list = append(list, l.entries[i])
	}
	return list
}

func (l *slowlog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

func (l *slowlog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

// What an entry of the slow log keeps of a command, as in Redis.
const (
	slowArgs   = 32
	slowArgLen = 128
)

// noteSlow logs a group that took longer than slowlog-log-slower-than allows. The
// commands of a group share one execution: the first stands for all.
func (s *Server) noteSlow(c *conn, g *group, start time.Time) {
	limit := s.live.slowerThan.Load()
	took := time.Since(start)
	if limit < 0 || took.Microseconds() < limit {
		return
	}
	e := slowEntry{at: start, took: took, addr: c.nc.RemoteAddr().String(), name: c.name}
	first := g.cmds[0]
	args := first.Args
	if first.Txn != nil {
		args = [][]byte{[]byte("EXEC")}
	}
	for i, a := range args {
		if i == slowArgs-1 && len(args) > slowArgs {
			e.args = append(e.args, "... ("+itoa(int64(len(args)-i))+" more arguments)")
			break
		}
		text := cut(a, slowArgLen)
		if more := len(a) - slowArgLen; more > 0 {
			text += "... (" + itoa(int64(more)) + " more bytes)"
		}
		e.args = append(e.args, text)
	}
	if more := len(g.cmds) - 1; more > 0 {
		e.args = append(e.args, "... (with "+itoa(int64(more))+" more commands)")
	}
	s.slow.add(e)
}
