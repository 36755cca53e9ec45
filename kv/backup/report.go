package backup

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pingd/kv/rdb"
)

// Report is what a file was found to hold.
type Report struct {
	Backup bool // pingd's own; else an RDB file of Redis
	Head   Head // of a backup
	RDB    rdb.Info

	Bytes     int64
	Keys      int            // that the store can take
	Expired   int            // of those: time was over when the file was read
	ByType    map[string]int // Keys by the name of their type
	Databases int            // how many hold Keys

	// Unsupported counts the keys that the store has no place for, by reason.
	Unsupported map[string]int
	// TooLarge names a key, of a kind that the store has, with an element that no
	// command can carry; empty if there is none.
	TooLarge string

	dbs     [databases]bool
	started time.Time
}

func newReport(now time.Time) *Report {
	return &Report{ByType: map[string]int{}, Unsupported: map[string]int{}, started: now}
}

// maxElement is the largest single element of a value, in bytes: what goes through
// the log at once is bounded (kv/replica, Config.MaxCommand), and a string can be
// cut in parts, a field of a hash can not.
const maxElement = 15 << 20

// count takes in one part of a value.
func (r *Report) count(p part) error {
	if len(p.name)+p.val.Size() > maxElement && r.TooLarge == "" {
		r.TooLarge = fmt.Sprintf("%.100q of database %d", p.name, p.db)
	}
	if !p.first {
		return nil
	}
	r.Keys++
	r.ByType[p.val.Type()]++
	r.dbs[p.db] = true
	if p.expireAt != 0 && p.expireAt <= r.started.UnixMilli() {
		r.Expired++
	}
	return nil
}

// refuse notes a key that the store has no place for.
func (r *Report) refuse(k rdb.Key) error {
	if k.DB >= databases {
		r.Unsupported[fmt.Sprintf("in database %d; the store has 0 to %d", k.DB, databases-1)]++
		return nil
	}
	r.Unsupported[k.Kind.String()]++
	return nil
}

func (r *Report) finish() {
	for _, used := range r.dbs {
		if used {
			r.Databases++
		}
	}
}

// Refused returns how many keys are unsupported.
func (r *Report) Refused() int {
	n := 0
	for _, c := range r.Unsupported {
		n += c
	}
	return n
}

// Origin says in words what the file is.
func (r *Report) Origin() string {
	if r.Backup {
		return fmt.Sprintf("backup made by node %s at %s, log index %d", r.Head.Node, r.Head.Created.Format(time.RFC3339), r.Head.Index)
	}
	s := fmt.Sprintf("RDB file of version %d", r.RDB.Version)
	for _, by := range []string{"Redis", "Valkey"} {
		if v := r.RDB.Aux[strings.ToLower(by)+"-ver"]; v != "" {
			s += fmt.Sprintf(", written by %s %.32s", by, v)
		}
	}
	if !r.RDB.Summed {
		s += ", without a checksum"
	}
	return s
}

// Contents says in words what the file holds that can be loaded.
func (r *Report) Contents() string {
	var types []string
	for _, t := range slices.Sorted(maps.Keys(r.ByType)) {
		types = append(types, fmt.Sprintf("%s %d", t, r.ByType[t]))
	}
	s := plural(r.Keys, "key") + " in " + plural(r.Databases, "database")
	if len(types) > 0 {
		s += " (" + strings.Join(types, ", ") + ")"
	}
	if r.Expired > 0 {
		s += fmt.Sprintf(", %d of them expired", r.Expired)
	}
	return s
}

// UnsupportedList returns what cannot be loaded, a line for each reason.
func (r *Report) UnsupportedList() []string {
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(r.Unsupported)) {
		lines = append(lines, plural(r.Unsupported[what], "key")+": "+what)
	}
	if r.RDB.Functions > 0 {
		lines = append(lines, plural(r.RDB.Functions, "library")+" of functions")
	}
	if r.RDB.Metadata > 0 {
		lines = append(lines, plural(r.RDB.Metadata, "key")+": data of modules beside the value")
	}
	return lines
}

// plural writes a number with what it counts.
func plural(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "y") && !strings.HasSuffix(what, "ey"):
		what = strings.TrimSuffix(what, "y") + "ies"
	default:
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
