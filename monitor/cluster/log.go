package cluster

import (
	"cmp"
	"slices"
	"sync"
)

// maxEvents bounds the events kept in memory; a cluster in good health has a
// handful a day.
const maxEvents = 2000

// Log keeps the newest events. The zero value is empty and ready. Safe for
// concurrent use.
type Log struct {
	mu   sync.RWMutex
	list []Event // ascending by ID
	last uint64  // ID given out last
}

// Add numbers the events, keeps them and returns them numbered.
func (l *Log) Add(events []Event) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		l.last++
		events[i].ID = l.last
	}
	l.keep(events)
	return events
}

// Restore puts back events of an earlier life, with the IDs they had then. It is
// meant to be called before the first Add.
func (l *Log) Restore(events []Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.ID, b.ID) })
	for i := range events {
		l.last = max(l.last, events[i].ID)
	}
	l.keep(events)
}

func (l *Log) keep(events []Event) {
	l.list = append(l.list, events...)
	if over := len(l.list) - maxEvents; over > 0 {
		l.list = slices.Delete(l.list, 0, over)
	}
}

// Since returns the events with a greater id, oldest first.
func (l *Log) Since(id uint64) []Event {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, _ := slices.BinarySearchFunc(l.list, id+1, func(e Event, id uint64) int { return cmp.Compare(e.ID, id) })
	return slices.Clone(l.list[i:])
}

// Newest returns the last n events, oldest first.
func (l *Log) Newest(n int) []Event {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.list[max(0, len(l.list)-n):])
}
