package alert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Save encodes what must outlive a restart: alerts that are raised, about to be, or
// were lately. It is empty JSON when there is nothing.
func (e *Engine) Save(now int64) []byte {
	list := []*state{}
	for _, s := range e.known {
		if s.Severity > Clear || s.From != 0 || s.Cleared > 0 && now-s.Cleared < flap {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *state) int { return cmp.Compare(a.ID(), b.ID()) })
	b, err := json.Marshal(list)
	if err != nil {
		return []byte("[]") // a value that is no number; nothing else can fail
	}
	return b
}

// Restore takes over what Save encoded at unix second now, before the first
// Evaluate. What belongs to no rule any more is dropped.
func (e *Engine) Restore(b []byte, now int64) error {
	if len(b) == 0 {
		return nil
	}
	var list []*state
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("restore alerts: %w", err)
	}
	for _, s := range list {
		if s == nil || len(e.known) >= maxAlerts || s.Severity < Clear || s.Severity > Crit {
			continue
		}
		i := slices.IndexFunc(e.rules, func(w watcher) bool { return w.Name == s.Rule })
		if i < 0 {
			continue
		}
		// Nobody looked in between: that it was not heard of says nothing.
		s.Heard = now
		s.Unit, s.About, s.Cluster = unitOf(s.Series), about(s.Rule, s.Series), e.rules[i].OfCluster()
		e.known[s.ID()] = s
	}
	return nil
}
