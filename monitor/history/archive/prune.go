package archive

import (
	"fmt"
	"os"
)

// keepFine is how long ten seconds are kept, in seconds.
const keepFine = 86400

// Prune deletes the files all of which are older than they need be at unix second
// now: ten seconds after a day, minutes after keep seconds. If all files together
// are larger than limit bytes the oldest minutes go as well, but never the files
// that are written to. It returns how many bytes are left and how many files went.
func (a *Archive) Prune(now, keep, limit int64) (size int64, gone int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	files, err := a.files()
	if err != nil {
		return 0, 0, err
	}
	for _, f := range files {
		size += f.size
	}
	for _, f := range files {
		limitOf := int64(keepFine)
		if f.level == Minute {
			limitOf = keep
		}
		inUse := f.start+f.level.File > now
		if inUse || f.start+f.level.File > now-limitOf && size <= limit {
			continue
		}
		if err := os.Remove(f.path); err != nil {
			return size, gone, fmt.Errorf("delete old history: %w", err)
		}
		size -= f.size
		gone++
	}
	return size, gone, nil
}

// Oldest is the unix second at which a level begins, 0 if it has nothing.
func (a *Archive) Oldest(l Level) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	files, err := a.files()
	if err != nil {
		return 0
	}
	for _, f := range files {
		if f.level == l {
			return f.start
		}
	}
	return 0
}
