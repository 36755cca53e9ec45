package process

import (
	"bytes"
	"os"

	"pingd/monitor/host/scan"
)

// userHZ is the unit of CPU times: ticks a second, 100 on every architecture.
const userHZ = 100

var pageSize = uint64(os.Getpagesize())

// Process is one process as /proc/<pid>/stat and /proc/<pid>/io tell of it (proc(5)).
type Process struct {
	PID     int    `json:"pid"`
	Parent  int    `json:"parent"`
	Name    string `json:"name"`
	State   string `json:"state"` // one letter: R S D Z T I
	Threads int    `json:"threads"`
	RSS     uint64 `json:"rss"` // bytes
	// CPU is the share of one core it used between the last two looks at it
	// (2.0 = two whole cores).
	CPU float64 `json:"cpu"`
	// Read and Write are what it moved to and from disks, bytes a second; zero
	// where that may not be read.
	Read    float64 `json:"read"`
	Write   float64 `json:"write"`
	Command string  `json:"command,omitempty"` // filled by Top
	Own     bool    `json:"own,omitempty"`     // is a pingd itself

	ticks, start uint64
	seen         float64 // seconds at which ticks was read
	in, out      uint64  // bytes read and written
	ioSeen       float64 // seconds at which they were read; 0 = never
}

// Parse fills p from the bytes of /proc/<pid>/stat. The name stands in parentheses
// and may itself hold any byte, ") 1 (" included, so the fields are counted from
// the last closing one. It reports false on anything else.
func Parse(b []byte, p *Process) bool {
	from, to := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if from < 0 || to < from {
		return false
	}
	p.PID = small(b)
	p.Name = scan.Keep(p.Name, b[from+1:to])
	rest, n := b[to+1:], 0
	for {
		var f []byte
		if f, rest = scan.Field(rest); len(f) == 0 {
			return n > 21
		}
		n++
		switch n {
		case 1:
			p.State = scan.Keep(p.State, f)
		case 2:
			p.Parent = small(f)
		case 12:
			p.ticks = scan.Number(f)
		case 13:
			p.ticks += scan.Number(f)
		case 18:
			p.Threads = small(f)
		case 20:
			p.start = scan.Number(f)
		case 22:
			p.RSS = scan.Number(f) * pageSize
		}
	}
}

func small(b []byte) int { return int(min(scan.Number(b), 1<<30)) }

// parseIO reads the bytes of /proc/<pid>/io: what really went to and from devices,
// not what the page cache answered.
func parseIO(b []byte) (read, written uint64) {
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		key, rest := scan.Field(line)
		switch string(key) {
		case "read_bytes:":
			read, _ = scan.NextNumber(rest)
		case "write_bytes:":
			written, _ = scan.NextNumber(rest)
		}
	}
	return read, written
}
