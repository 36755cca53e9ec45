package history

import (
	"encoding/binary"
	"fmt"
	"slices"

	"pingd/monitor/history/archive"
	"pingd/monitor/history/head"
)

// maxNotes is how many notes a start reads back.
const maxNotes = 2000

// restore puts the last hour back into the ring, and finds the hours that an
// earlier life did not archive.
func (h *History) restore(now int64) error {
	hours, err := h.log.Hours()
	if err != nil {
		return err
	}
	for _, hour := range hours {
		if hour > now {
			continue // a clock that went back
		}
		err := h.log.Read(hour, func(kind byte, payload []byte) error {
			switch kind {
			case head.KindBlock:
				if b, err := head.DecodeBlock(payload); err == nil {
					fill(h.Ring, b)
				}
			case kindNote:
				if n, used := binary.Uvarint(payload); used > 0 {
					h.notes = append(h.notes, archive.Note{Number: n, Text: slices.Clone(payload[used:])})
				}
			case kindKept:
				if len(payload) > 0 {
					h.queue.kept[payload[0]] = slices.Clone(payload[1:])
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("restore the history: %w", err)
		}
		if hour+head.Hour <= now {
			// Also one that was archived: laying it over itself is no harm, and the
			// last file of an orderly end is archived in part only.
			h.unready = append(h.unready, hour)
		}
	}
	h.next = now - now%minute
	return nil
}

func fill(r *Ring, b *head.Block) {
	for i, name := range b.Names {
		r.Fill(name, b.Start, b.Values[i])
	}
}

// hourOf reads an hour of the log into a ring of its own.
func (h *History) hourOf(hour int64) *Ring {
	r := NewRing(head.Hour + 2*minute)
	r.Begin(hour + head.Hour - 1).Close()
	err := h.log.Read(hour, func(kind byte, payload []byte) error {
		if kind == head.KindBlock {
			if b, err := head.DecodeBlock(payload); err == nil {
				fill(r, b)
			}
		}
		return nil
	})
	if err != nil {
		h.fails(err)
	}
	return r
}

// Notes are the newest notes of an earlier life, oldest first: of each its text.
func (h *History) Notes() [][]byte {
	if h.archive == nil {
		return nil
	}
	sealed, err := h.archive.NewestNotes(maxNotes)
	if err != nil {
		h.fails(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	texts := map[uint64][]byte{}
	var numbers []uint64
	for _, n := range append(sealed, h.notes...) {
		if texts[n.Number] == nil {
			numbers = append(numbers, n.Number)
		}
		texts[n.Number] = n.Text
	}
	slices.Sort(numbers)
	var out [][]byte
	for _, n := range numbers[max(0, len(numbers)-maxNotes):] {
		out = append(out, texts[n])
	}
	return out
}
