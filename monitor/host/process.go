package host

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Process is one process as /proc/<pid>/stat tells of it (proc(5)).
type Process struct {
	PID     int    `json:"pid"`
	Parent  int    `json:"parent"`
	Name    string `json:"name"`
	State   string `json:"state"` // one letter: R S D Z T I
	Threads int    `json:"threads"`
	RSS     uint64 `json:"rss"` // bytes
	// CPU is the share of one core it used between the last two looks at it
	// (2.0 = two whole cores).
	CPU     float64 `json:"cpu"`
	Command string  `json:"command,omitempty"` // filled by Top

	ticks, start uint64
	seen         float64 // seconds at which ticks was read
}

// ParseProcess fills p from the bytes of /proc/<pid>/stat. The name stands in
// parentheses and may itself hold any byte, ") 1 (" included, so the fields are
// counted from the last closing one. It reports false on anything else.
func ParseProcess(b []byte, p *Process) bool {
	from, to := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if from < 0 || to < from {
		return false
	}
	p.PID = int(min(number(b), 1<<30))
	p.Name = keep(p.Name, b[from+1:to])
	rest, n := b[to+1:], 0
	for {
		var f []byte
		if f, rest = cutField(rest); len(f) == 0 {
			return n > 21
		}
		n++
		switch n {
		case 1:
			p.State = keep(p.State, f)
		case 2:
			p.Parent = int(min(number(f), 1<<30))
		case 12:
			p.ticks = number(f)
		case 13:
			p.ticks += number(f)
		case 18:
			p.Threads = int(min(number(f), 1<<30))
		case 20:
			p.start = number(f)
		case 22:
			p.RSS = number(f) * pageSize
		}
	}
}

var pageSize = uint64(os.Getpagesize())

const (
	// hotProcesses are looked at each second; the rest each fifth, because the
	// process table is by far the dearest thing a monitor reads.
	hotProcesses = 30
	maxProcesses = 32768
)

// Processes keeps the process table. Create it with NewProcesses. Not for
// concurrent use.
type Processes struct {
	proc  string
	all   map[int]*Process
	files map[int]file // of the hot ones
	hot   []*Process
	buf   []byte
}

// NewProcesses makes a table over the /proc tree at proc.
func NewProcesses(proc string) *Processes {
	return &Processes{proc: proc, all: map[int]*Process{}, files: map[int]file{}, buf: make([]byte, 4096)}
}

// Scan looks at every process; now is seconds on any steady clock. It then picks
// the ones Refresh follows: those that used most CPU.
func (t *Processes) Scan(now float64) error {
	dir, err := os.Open(t.proc)
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close() // opened for reading: nothing is lost
	if err != nil {
		return err
	}
	next := make(map[int]*Process, len(t.all)+16)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || len(next) >= maxProcesses {
			continue
		}
		if p := t.look(pid, name, now); p != nil {
			next[pid] = p
		}
	}
	t.all = next
	t.choose()
	return nil
}

func (t *Processes) look(pid int, name string, now float64) *Process {
	f, keptOpen := t.files[pid]
	if !keptOpen {
		var err error
		if f, err = openFile(t.proc + "/" + name + "/stat"); err != nil {
			return nil
		}
		defer f.close()
	}
	p := t.all[pid]
	if p == nil {
		p = &Process{}
	}
	if !t.read(f, p, now) {
		return nil
	}
	return p
}

// read updates p and its share of a core since it was last read.
func (t *Processes) read(f file, p *Process, now float64) bool {
	ticks, start, seen := p.ticks, p.start, p.seen
	buf, data, err := f.readAll(t.buf)
	if t.buf = buf; err != nil || !ParseProcess(data, p) {
		return false
	}
	p.CPU = 0
	if span := now - seen; seen > 0 && p.start == start && span > 0 && p.ticks >= ticks {
		p.CPU = float64(p.ticks-ticks) / UserHZ / span
	}
	p.seen = now
	return true
}

func (t *Processes) choose() {
	t.hot = t.hot[:0]
	for _, p := range t.all {
		t.hot = append(t.hot, p)
	}
	slices.SortFunc(t.hot, func(a, b *Process) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(b.RSS, a.RSS), cmp.Compare(a.PID, b.PID))
	})
	t.hot = t.hot[:min(len(t.hot), hotProcesses)]
	for pid, f := range t.files {
		if !slices.ContainsFunc(t.hot, func(p *Process) bool { return p.PID == pid }) {
			f.close()
			delete(t.files, pid)
		}
	}
	for _, p := range t.hot {
		if _, ok := t.files[p.PID]; ok {
			continue
		}
		if f, err := openFile(filepath.Join(t.proc, strconv.Itoa(p.PID), "stat")); err == nil {
			t.files[p.PID] = f
		}
	}
}

// Refresh looks again at the processes the last Scan found busiest.
func (t *Processes) Refresh(now float64) {
	for _, p := range t.hot {
		f, ok := t.files[p.PID]
		if ok && !t.read(f, p, now) {
			f.close()
			delete(t.files, p.PID)
			delete(t.all, p.PID)
		}
	}
}

// Count is the number of processes at the last Scan.
func (t *Processes) Count() int { return len(t.all) }

// Top returns copies of the n processes that use most CPU and the n with most
// memory, without repeats, busiest first, with their command lines.
func (t *Processes) Top(n int) []Process {
	byRSS := make([]*Process, 0, len(t.all))
	for _, p := range t.all {
		byRSS = append(byRSS, p)
	}
	byCPU := slices.Clone(byRSS)
	slices.SortFunc(byRSS, func(a, b *Process) int { return cmp.Compare(b.RSS, a.RSS) })
	slices.SortFunc(byCPU, func(a, b *Process) int { return cmp.Compare(b.CPU, a.CPU) })
	picked := map[int]bool{}
	var out []Process
	for _, list := range [...][]*Process{byCPU, byRSS} {
		for _, p := range list[:min(n, len(list))] {
			if !picked[p.PID] {
				picked[p.PID] = true
				out = append(out, *p)
			}
		}
	}
	slices.SortFunc(out, func(a, b Process) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(b.RSS, a.RSS), cmp.Compare(a.PID, b.PID))
	})
	for i := range out {
		out[i].Command = t.command(out[i].PID)
	}
	return out
}

const maxCommand = 160

func (t *Processes) command(pid int) string {
	f, err := openFile(filepath.Join(t.proc, strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return ""
	}
	defer f.close()
	buf, data, err := f.readAll(t.buf)
	if t.buf = buf; err != nil {
		return ""
	}
	data = bytes.TrimRight(data[:min(len(data), maxCommand)], "\x00")
	return strings.ToValidUTF8(strings.ReplaceAll(string(data), "\x00", " "), "\uFFFD")
}

// Close closes the files kept open; the table may be used again afterwards.
func (t *Processes) Close() {
	for pid, f := range t.files {
		f.close()
		delete(t.files, pid)
	}
}
