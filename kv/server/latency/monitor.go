package latency

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pingd/kv/resp/reply"
)

// maxSamples is how many spikes of one event are kept, as in Redis.
const maxSamples = 160

// Monitor keeps spikes by event. Its zero value keeps none until SetThreshold; it
// is safe for concurrent use.
type Monitor struct {
	threshold atomic.Int64 // milliseconds; 0 = off

	mu     sync.Mutex
	events map[string]*series
}

// series is the spikes of one event, oldest first.
type series struct {
	samples []sample
	max     int64
}

type sample struct{ at, ms int64 }

// SetThreshold sets from how many milliseconds on a time is a spike, 0 for never.
func (m *Monitor) SetThreshold(ms int64) { m.threshold.Store(ms) }

// Note takes in how long an event took.
func (m *Monitor) Note(event string, at time.Time, took time.Duration) {
	limit, ms := m.threshold.Load(), took.Milliseconds()
	if limit == 0 || ms < limit {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.events == nil {
		m.events = map[string]*series{}
	}
	s := m.events[event]
	if s == nil {
		s = &series{}
		m.events[event] = s
	}
	s.max = max(s.max, ms)
	if n := len(s.samples); n > 0 && s.samples[n-1].at == at.Unix() { // one a second, the worst
		s.samples[n-1].ms = max(s.samples[n-1].ms, ms)
		return
	}
	if len(s.samples) == maxSamples {
		s.samples = slices.Delete(s.samples, 0, 1)
	}
	s.samples = append(s.samples, sample{at.Unix(), ms})
}

// AnswerLatest is LATENCY LATEST.
func (m *Monitor) AnswerLatest(w *reply.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Array(len(m.events))
	for _, name := range slices.Sorted(maps.Keys(m.events)) {
		s := m.events[name]
		last := s.samples[len(s.samples)-1]
		w.Array(4)
		w.Bulk(name)
		w.Int(last.at)
		w.Int(last.ms)
		w.Int(s.max)
	}
}

// AnswerHistory is LATENCY HISTORY event; args are the words of the call.
func (m *Monitor) AnswerHistory(w *reply.Writer, args [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.events[string(args[2])]
	if s == nil {
		w.Array(0)
		return
	}
	w.Array(len(s.samples))
	for _, p := range s.samples {
		w.Array(2)
		w.Int(p.at)
		w.Int(p.ms)
	}
}

// AnswerGraph is LATENCY GRAPH event: refused, since HISTORY has the numbers.
func (m *Monitor) AnswerGraph(w *reply.Writer, args [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.events[string(args[2])] == nil {
		w.Fail("ERR No samples available for event '" + reply.Cut(args[2]) + "'")
		return
	}
	w.Fail("ERR LATENCY GRAPH is not supported: LATENCY HISTORY " + reply.Cut(args[2]) + " has the numbers")
}

// AnswerReset is LATENCY RESET [event ...].
func (m *Monitor) AnswerReset(w *reply.Writer, args [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	if len(args) == 2 {
		n = len(m.events)
		clear(m.events)
	}
	for _, a := range args[2:] {
		if m.events[string(a)] != nil {
			delete(m.events, string(a))
			n++
		}
	}
	w.Int(int64(n))
}

// AnswerDoctor is LATENCY DOCTOR.
func (m *Monitor) AnswerDoctor(w *reply.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	switch {
	case m.threshold.Load() == 0:
		b.WriteString("Latency monitoring is off on this node: CONFIG SET latency-monitor-threshold <milliseconds>\n")
	case len(m.events) == 0:
		b.WriteString("No command took longer than latency-monitor-threshold so far.\n")
	}
	for _, name := range slices.Sorted(maps.Keys(m.events)) {
		s := m.events[name]
		sum := int64(0)
		for _, p := range s.samples {
			sum += p.ms
		}
		b.WriteString(name + ": " + count(len(s.samples)) + " spikes, mean " + count(int(sum)/len(s.samples)) +
			" ms, worst " + count(int(s.max)) + " ms\n")
	}
	w.Verbatim(b.String())
}
