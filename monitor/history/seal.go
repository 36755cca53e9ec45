package history

import (
	"iter"
	"slices"

	"pingd/monitor/history/archive"
	"pingd/monitor/history/chunk"
	"pingd/monitor/history/head"
)

// sealCost is how often a transaction of bbolt syncs: data, meta, and the file's
// new length.
const sealCost = 3

// seal archives the hours that are over, oldest first, as the right to sync allows.
// What an earlier life left is archived at once, and paid for later: until then
// nobody could see it.
func (h *History) seal(now int64) error {
	slices.Sort(h.unready)
	for len(h.unready) > 0 && (h.credit > -sealCost || !h.begun) {
		hour := h.unready[0]
		ring := h.Ring
		if oldest, _ := ring.Bounds(); oldest > hour {
			ring = h.hourOf(hour) // from an earlier life
		}
		if err := h.sealHour(hour, ring); err != nil {
			return err
		}
		h.unready = h.unready[1:]
		if err := h.tidy(now); err != nil {
			return err
		}
	}
	h.begun = true
	return nil
}

// sealHour lays an hour over both levels.
func (h *History) sealHour(hour int64, from *Ring) error {
	for _, l := range []archive.Level{archive.Seconds10, archive.Minute} {
		var with []archive.Note
		if l == archive.Minute {
			with = h.notes
		}
		h.credit -= sealCost
		h.stats.syncs.Add(sealCost)
		if err := h.archive.Merge(l, hour, reduced(from, hour, l.Step), with...); err != nil {
			return err
		}
	}
	h.notes = nil
	h.stats.seals.Add(1)
	return nil
}

// reduced yields every series of an hour at that step.
func reduced(r *Ring, hour, step int64) iter.Seq2[string, []chunk.Point] {
	return func(yield func(string, []chunk.Point) bool) {
		var points []chunk.Point
		for _, name := range r.Names() {
			points = r.AppendRange(points[:0], name, hour, hour+head.Hour-1, step)
			if !yield(name, points) {
				return
			}
		}
	}
}

// tidy deletes what is not needed any more: files of the log beyond the last two
// hours, which a start reads, and archives that are too old.
func (h *History) tidy(now int64) error {
	hours, err := h.log.Hours()
	if err != nil {
		return err
	}
	for _, hour := range hours {
		if hour < now-now%head.Hour-head.Hour && !slices.Contains(h.unready, hour) {
			if err := h.log.Remove(hour); err != nil {
				return err
			}
		}
	}
	size, _, err := h.archive.Prune(now, int64(h.cfg.Keep.Seconds()), h.cfg.Limit)
	h.stats.bytes.Store(size)
	return err
}
