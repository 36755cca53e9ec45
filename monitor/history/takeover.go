package history

import (
	"maps"
	"slices"

	"pingd/monitor/history/archive"
	"pingd/monitor/history/chunk"
)

// Missing lists the pieces of the archive, newest first, in which a series has
// nothing, although somebody else may have: hours of the last day in steps of ten
// seconds, and days of what is kept in minutes. The running hour is in memory and
// not among them.
func (h *History) Missing(witness string, now int64) []Query {
	if h.archive == nil {
		return nil
	}
	var out []Query
	for _, l := range []archive.Level{archive.Seconds10, archive.Minute} {
		oldest := now - l.File
		if l == archive.Minute {
			oldest = now - int64(h.cfg.Keep.Seconds())
		}
		have := map[int64]int64{}
		err := h.archive.Read(l, []string{witness}, oldest, now, func(_ int, t int64, _ chunk.Point) { have[t-t%l.Chunk]++ })
		if err != nil {
			h.fails(err)
			return nil
		}
		end := now - now%l.Chunk
		if l == archive.Minute {
			end += l.Chunk // the running day is sealed by the hour
		}
		for start := end - l.Chunk; start >= oldest; start -= l.Chunk {
			to := min(start+l.Chunk-1, now-now%archive.Seconds10.Chunk-1)
			if whole := (to - start + 1) / l.Step; whole > 0 && have[start] < whole/2 {
				out = append(out, Query{From: start, To: to, Step: l.Step})
			}
		}
	}
	return out
}

// TakeOver lays points of somebody else under what the archive has of a piece that
// Missing named: only gaps are filled. It reports whether there was anything.
func (h *History) TakeOver(q Query, start int64, all map[string][]chunk.Point) bool {
	if h.archive == nil || h.paused.Load() || len(all) == 0 {
		return false
	}
	l := archive.Seconds10
	if q.Step == archive.Minute.Step {
		l = archive.Minute
	}
	names := slices.Sorted(maps.Keys(all))
	shift := (start - q.From) / l.Step
	// What is there stays: its points become gaps of what is laid over.
	err := h.archive.Read(l, names, q.From, q.To, func(i int, t int64, _ chunk.Point) {
		if j := (t-q.From)/l.Step - shift; j >= 0 && j < int64(len(all[names[i]])) {
			all[names[i]][j] = chunk.Gap
		}
	})
	if err == nil {
		h.mu.Lock()
		h.credit -= sealCost
		h.stats.syncs.Add(sealCost)
		err = h.archive.Merge(l, q.From, func(yield func(string, []chunk.Point) bool) {
			for _, n := range names {
				if !yield(n, aligned(all[n], shift, int((q.To-q.From)/l.Step)+1)) {
					return
				}
			}
		})
		h.mu.Unlock()
	}
	if err != nil {
		h.fails(err)
		return false
	}
	return true
}

// aligned shifts points that begin so many steps late to where they belong, and
// cuts what does not fit.
func aligned(points []chunk.Point, shift int64, n int) []chunk.Point {
	out := make([]chunk.Point, n)
	for i := range out {
		out[i] = chunk.Gap
		if j := int64(i) - shift; j >= 0 && j < int64(len(points)) {
			out[i] = points[j]
		}
	}
	return out
}
