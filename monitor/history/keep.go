package history

import (
	"encoding/binary"
	"fmt"
	"slices"

	"pingd/monitor/history/archive"
	"pingd/monitor/history/head"
)

const minute = 60

// Kinds of frames beside a minute's values.
const (
	kindNote byte = 2 // an archive.Note: its number, then its text
	kindKept byte = 3 // something of which only the newest counts: a tag, then its value
)

// Minute writes what is complete at unix second now and not written yet: the
// minutes that are over, and the archive of the hours that are. Run calls it each
// minute; nobody else need, save tests.
func (h *History) Minute(now int64) {
	if h.archive == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drain()
	h.credit = min(h.credit+1, 1)
	over := now - now%minute // the start of the minute that is not over
	if h.next == 0 || h.next > over || h.next < over-head.Hour {
		h.next = max(h.next, over-minute)
		h.next = min(h.next, over)
	}
	h.look()
	if h.paused.Load() {
		h.next = over // what was not written in time stays in memory only
		return
	}
	for ; h.next < over; h.next += minute {
		if err := h.block(h.next, minute); err != nil {
			h.fails(err)
			return
		}
		if after := h.next + minute; after%head.Hour == 0 {
			h.unready = append(h.unready, after-head.Hour)
		}
	}
	if err := h.sync(); err != nil {
		h.fails(err)
		return
	}
	if err := h.seal(now); err != nil {
		h.fails(err)
		return
	}
	h.works()
}

// block writes the ring's values of some seconds.
func (h *History) block(start int64, seconds int) error {
	b := head.Block{Start: start, Seconds: seconds}
	for _, name := range h.Ring.Names() {
		v := h.Ring.AppendValues(nil, name, start, start+int64(seconds)-1)
		if slices.ContainsFunc(v, func(f float32) bool { return f == f }) {
			b.Names, b.Values = append(b.Names, name), append(b.Values, v)
		}
	}
	if len(b.Names) == 0 {
		return nil
	}
	h.opened(start)
	if err := h.log.AppendBlock(&b); err != nil {
		return err
	}
	h.stats.frames.Add(1)
	return nil
}

// sync spends the right to one fsync a minute, if there is any left: an hour's
// archive takes several.
func (h *History) sync() error {
	if h.credit < 1 {
		return nil
	}
	h.credit--
	h.stats.syncs.Add(1)
	return h.log.Sync()
}

// Rewrite writes the seconds from..to again, which were filled in late.
func (h *History) Rewrite(from, to int64) {
	if h.archive == nil || h.paused.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for t := from - from%minute; t <= min(to, h.next-1); t += minute {
		if err := h.block(t, minute); err != nil {
			h.fails(err)
			return
		}
		if hour := t - t%head.Hour; hour+head.Hour <= h.next && !slices.Contains(h.unready, hour) {
			h.unready = append(h.unready, hour)
		}
	}
}

// frame is something to be remembered at once.
type frame struct {
	at      int64
	kind    byte
	payload []byte
	note    archive.Note
}

// Note remembers something that happened at unix second now, under a number that
// grows. It does not wait for the disk; what it says outlives the process a moment
// later, and a power cut after the minute.
func (h *History) Note(now int64, number uint64, text []byte) {
	h.enqueue(frame{
		at: now, kind: kindNote, payload: append(binary.AppendUvarint(nil, number), text...),
		note: archive.Note{Number: number, Text: slices.Clone(text)},
	})
}

// Keep remembers a value of which only the newest counts, such as the alerts that
// are raised, under a tag. It does not wait for the disk.
func (h *History) Keep(now int64, tag byte, value []byte) {
	h.queue.Lock()
	h.queue.kept[tag] = slices.Clone(value)
	h.queue.Unlock()
	h.enqueue(frame{at: now, kind: kindKept, payload: append([]byte{tag}, value...)})
}

// Kept is what Keep was told last under that tag, also before a restart; nil if it
// never was.
func (h *History) Kept(tag byte) []byte {
	h.queue.Lock()
	defer h.queue.Unlock()
	return h.queue.kept[tag]
}

// maxQueue bounds what waits for a disk that hangs.
const maxQueue = 10_000

func (h *History) enqueue(f frame) {
	if h.archive == nil {
		return
	}
	h.queue.Lock()
	if len(h.queue.frames) < maxQueue {
		h.queue.frames = append(h.queue.frames, f)
	}
	h.queue.Unlock()
	select {
	case h.queue.signal <- struct{}{}:
	default:
	}
}

// flush writes what waits.
func (h *History) flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drain()
}

// drain is flush for who holds the lock.
func (h *History) drain() {
	h.queue.Lock()
	frames := h.queue.frames
	h.queue.frames = nil
	h.queue.Unlock()
	for _, f := range frames {
		if f.kind == kindNote {
			h.notes = append(h.notes, f.note)
		}
		h.opened(f.at)
		h.write(f)
	}
}

func (h *History) write(f frame) {
	if h.paused.Load() {
		return
	}
	if err := h.log.Append(f.at, f.kind, f.payload); err != nil {
		h.fails(err)
		return
	}
	h.stats.frames.Add(1)
}

// opened carries what is kept over into a file that is about to begin, as older
// files go once they are archived.
func (h *History) opened(now int64) {
	if h.log.Has(now) {
		return
	}
	h.queue.Lock()
	defer h.queue.Unlock()
	for tag, value := range h.queue.kept {
		h.write(frame{at: now, kind: kindKept, payload: append([]byte{tag}, value...)})
	}
}

// finish writes what the running minute has, for a stop in good order.
func (h *History) finish(now int64) {
	h.Minute(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drain()
	if h.paused.Load() {
		return
	}
	if err := h.block(now-now%minute, int(now%minute)+1); err != nil {
		h.fails(err)
	}
	if err := h.log.Sync(); err != nil {
		h.fails(err)
	}
}

// Room the history leaves on a disk: a twentieth of it, within these bounds.
const (
	leastRoom = 64 << 20
	mostRoom  = 2 << 30
)

// look stops the writing while the disk is nearly full. It goes on when there is a
// quarter more room than it leaves, so as not to flap.
func (h *History) look() {
	free, size, err := h.cfg.space(h.cfg.Dir)
	if err != nil {
		return // the writing itself will tell
	}
	room := min(max(size/20, leastRoom), mostRoom)
	if h.paused.Load() {
		room += room / 4
	}
	full := free < room
	if full {
		h.fails(fmt.Errorf("the disk of %s has %d MiB left, the last %d MiB are not the history's to take", h.cfg.Dir, free>>20, room>>20))
	}
	h.paused.Store(full)
}
