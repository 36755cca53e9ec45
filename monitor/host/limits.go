package host

import "pingd/monitor/host/scan"

// Limits are kernel tables that can run full.
type Limits struct {
	Files, FilesMax         uint64 // /proc/sys/fs/file-nr
	Conntrack, ConntrackMax uint64 // zero where connection tracking is not loaded
	Entropy                 uint64 // bits
}

// ParseFiles reads the bytes of /proc/sys/fs/file-nr: allocated, free, maximum.
func ParseFiles(b []byte) (allocated, maximum uint64) {
	allocated, b = scan.NextNumber(b)
	_, b = scan.NextNumber(b)
	line, _ := scan.Line(b)
	maximum, _ = scan.NextNumber(line)
	return allocated, maximum
}

// Clock is how well the kernel's clock follows the world's, by adjtimex(2).
type Clock struct {
	Known     bool
	Synced    bool
	Offset    float64 // seconds the clock is being moved by
	MaxError  float64 // seconds
	Estimated float64 // error, seconds
}
