package process

import (
	"cmp"
	"slices"
	"strconv"

	"pingd/monitor/host/scan"
)

const (
	hotCount = 30 // processes looked at each second
	// maxOpen bounds the files kept open; further processes are opened at each look.
	maxOpen = 1000
	maxRows = 65536
	// kthreadd is the parent of the kernel's own threads, which have no files to
	// read and no command line.
	kthreadd = 2
)

// Table is the table of processes. Create it with New. Not for concurrent use.
type Table struct {
	proc string
	dir  scan.File
	ok   bool // dir is open
	all  map[int]*row
	hot  []*row
	rank []*row // scratch of choose and Top
	buf  []byte
	dirs []byte // entries of /proc
	gen  uint64
	open int
	io   access
}

type row struct {
	Process
	stat    scan.File
	keeps   bool   // stat is open
	gen     uint64 // the Scan that saw it last
	command string
	asked   bool // for its command
}

// access tells whether the processes' I/O may be read: it takes root's rights, or
// those of their owner.
type access struct{ tried, denied int }

const enoughTries = 20

func (a access) refused() bool { return a.tried >= enoughTries && a.denied == a.tried }

// New makes a table over the tree at proc, usually "/proc".
func New(proc string) *Table {
	return &Table{proc: proc, all: map[int]*row{}, buf: make([]byte, 4096), dirs: make([]byte, 32<<10)}
}

// Scan looks at every process; now is seconds on any steady clock. It then picks
// the ones Refresh follows: those that use most CPU or move most bytes.
func (t *Table) Scan(now float64) error {
	if !t.ok {
		dir, err := scan.Open(t.proc)
		if err != nil {
			return err
		}
		t.dir, t.ok = dir, true
	}
	t.gen++
	if err := scan.Numbers(t.dir, t.dirs, func(pid int) { t.visit(pid, now) }); err != nil {
		t.dir.Close()
		t.ok = false
		return err
	}
	for pid, r := range t.all {
		if r.gen != t.gen {
			t.drop(pid, r)
		}
	}
	t.choose()
	return nil
}

// visit looks at one process of the directory.
func (t *Table) visit(pid int, now float64) {
	r := t.all[pid]
	if r == nil {
		if len(t.all) >= maxRows {
			return
		}
		r = &row{}
		t.all[pid] = r
	}
	if !t.read(pid, r, now) {
		return // it ended: the sweep after this round drops it
	}
	r.gen = t.gen
	t.readIO(r, now)
}

// read updates a row, and its share of a core since it was last read.
func (t *Table) read(pid int, r *row, now float64) bool {
	if !r.keeps {
		f, err := scan.Open(t.path(pid, "stat"))
		if err != nil {
			return false
		}
		r.stat, r.keeps = f, true
		if t.open++; t.open > maxOpen {
			defer t.shut(r)
		}
	}
	ticks, start, seen := r.ticks, r.start, r.seen
	buf, data, err := r.stat.ReadAll(t.buf)
	if t.buf = buf; err != nil || !Parse(data, &r.Process) {
		t.shut(r) // the number may be another process's by now
		return false
	}
	r.CPU = 0
	if r.start != start { // another process under the same number
		r.command, r.asked, r.ioSeen, r.Read, r.Write = "", false, 0, 0, 0
	} else if span := now - seen; seen > 0 && span > 0 && r.ticks >= ticks {
		r.CPU = float64(r.ticks-ticks) / userHZ / span
	}
	r.seen = now
	return true
}

// readIO updates what a process moved to and from disks.
func (t *Table) readIO(r *row, now float64) {
	if t.io.refused() || r.Parent == kthreadd || r.PID == kthreadd {
		return
	}
	if t.io.tried < enoughTries {
		t.io.tried++
	}
	f, err := scan.Open(t.path(r.PID, "io"))
	var data []byte
	if err == nil {
		t.buf, data, err = f.ReadAll(t.buf)
		f.Close()
	}
	if err != nil {
		if t.io.denied < enoughTries {
			t.io.denied++
		}
		return
	}
	in, out := parseIO(data)
	r.Read, r.Write = 0, 0
	if span := now - r.ioSeen; r.ioSeen > 0 && span > 0 && in >= r.in && out >= r.out {
		r.Read, r.Write = float64(in-r.in)/span, float64(out-r.out)/span
	}
	r.in, r.out, r.ioSeen = in, out, now
}

func (t *Table) path(pid int, file string) string {
	return t.proc + "/" + strconv.Itoa(pid) + "/" + file
}

func (t *Table) shut(r *row) {
	if r.keeps {
		r.stat.Close()
		r.keeps = false
		t.open--
	}
}

func (t *Table) drop(pid int, r *row) {
	t.shut(r)
	delete(t.all, pid)
}

// busiest orders rows by what they use, the number last so that the order is one.
func busiest(a, b *row) int {
	return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(b.RSS, a.RSS), cmp.Compare(a.PID, b.PID))
}

func largest(a, b *row) int { return cmp.Or(cmp.Compare(b.RSS, a.RSS), cmp.Compare(a.PID, b.PID)) }

func movers(a, b *row) int {
	return cmp.Or(cmp.Compare(b.Read+b.Write, a.Read+a.Write), cmp.Compare(a.PID, b.PID))
}

func (t *Table) choose() {
	t.rank = t.rank[:0]
	for _, r := range t.all {
		t.rank = append(t.rank, r)
	}
	slices.SortFunc(t.rank, busiest)
	t.hot = append(t.hot[:0], t.rank[:min(len(t.rank), hotCount)]...)
}

// Refresh looks again at the processes the last Scan found busiest. It allocates
// nothing.
func (t *Table) Refresh(now float64) {
	for _, r := range t.hot {
		if t.all[r.PID] == r && !t.read(r.PID, r, now) {
			t.drop(r.PID, r)
		}
	}
}

// Count is the number of processes at the last Scan.
func (t *Table) Count() int { return len(t.all) }

// Warnings says, for people, what is missing. Nil means that all is there.
func (t *Table) Warnings() []string {
	if t.io.refused() {
		return []string{t.proc + "/<pid>/io can not be read: no I/O by process; it takes root, or --cap-add=SYS_PTRACE"}
	}
	return nil
}

// Close closes the files kept open; the table may be used again afterwards.
func (t *Table) Close() {
	for pid, r := range t.all {
		t.drop(pid, r)
	}
	t.hot, t.rank = nil, nil
	if t.ok {
		t.dir.Close()
		t.ok = false
	}
}
