package archive

import (
	"encoding/binary"
	"slices"

	"go.etcd.io/bbolt"
)

// Note is something that happened, as its owner wrote it.
type Note struct {
	Number uint64 // ascending
	Text   []byte
}

// putNotes adds notes; a number that is there already is overwritten.
func putNotes(tx *bbolt.Tx, all []Note) error {
	if len(all) == 0 {
		return nil
	}
	b, err := tx.CreateBucketIfNotExists(notes)
	if err != nil {
		return err
	}
	for _, n := range all {
		if err := b.Put(key(int64(n.Number)), n.Text); err != nil {
			return err
		}
	}
	return nil
}

// NewestNotes returns the last limit notes, oldest first.
func (a *Archive) NewestNotes(limit int) ([]Note, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	files, err := a.files()
	if err != nil {
		return nil, err
	}
	var newest []Note
	for _, f := range slices.Backward(files) {
		if f.level != Minute || len(newest) >= limit {
			continue
		}
		err := a.with(Minute, f.start, false, func(tx *bbolt.Tx) error {
			b := tx.Bucket(notes)
			if b == nil {
				return nil
			}
			c := b.Cursor()
			for k, v := c.Last(); k != nil && len(newest) < limit; k, v = c.Prev() {
				if len(k) == 8 {
					newest = append(newest, Note{Number: binary.BigEndian.Uint64(k), Text: slices.Clone(v)})
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Reverse(newest)
	return newest, nil
}
