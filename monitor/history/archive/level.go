package archive

import (
	"fmt"
	"strconv"
	"strings"
)

// Level is one resolution of the archive.
type Level struct {
	Name  string
	Step  int64 // seconds a point
	Chunk int64 // seconds a chunk
	File  int64 // seconds a file
}

// The levels, fine to coarse.
var (
	Seconds10 = Level{Name: "10s", Step: 10, Chunk: 3600, File: 86400}
	Minute    = Level{Name: "1m", Step: 60, Chunk: 86400, File: 7 * 86400}
)

var levels = [...]Level{Seconds10, Minute}

// points is how many points a chunk has.
func (l Level) points() int { return int(l.Chunk / l.Step) }

// floor is the start of the piece of that size that unix second t is in.
func floor(t, size int64) int64 {
	if r := t % size; r < 0 {
		return t - r - size
	} else {
		return t - r
	}
}

// fileName is the name of the file that holds second t.
func (l Level) fileName(t int64) string {
	return fmt.Sprintf("%s-%d.db", l.Name, floor(t, l.File)/l.File)
}

// parseName tells which file of which level a name is.
func parseName(name string) (l Level, start int64, ok bool) {
	for _, l := range levels {
		rest, isOf := strings.CutPrefix(name, l.Name+"-")
		number, isDB := strings.CutSuffix(rest, ".db")
		if !isOf || !isDB {
			continue
		}
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > -1<<40 && n < 1<<40 {
			return l, n * l.File, true
		}
	}
	return Level{}, 0, false
}
