package server

import (
	"sync"
	"sync/atomic"
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
