package host

// Stall is one /proc/pressure file (Documentation/accounting/psi.rst): how long
// some, or all, of the runnable tasks waited for the resource, in microseconds
// since boot. Known is false where the kernel does not keep it.
type Stall struct {
	Some, Full uint64
	Known      bool
}

// Pressure holds the three stalls of a machine or of a container.
type Pressure struct{ CPU, Memory, IO Stall }

// ParseStall reads the bytes of a pressure file. Only total= is used: the
// averages the kernel prints are smoothed over 10 s and more.
func ParseStall(b []byte) (s Stall) {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		kind, rest := cutField(line)
		for {
			var f []byte
			if f, rest = cutField(rest); len(f) == 0 {
				break
			}
			if !hasPrefix(f, "total=") {
				continue
			}
			switch string(kind) {
			case "some":
				s.Some, s.Known = number(f[6:]), true
			case "full":
				s.Full, s.Known = number(f[6:]), true
			}
		}
	}
	return s
}

// Limits are kernel tables that can run full.
type Limits struct {
	Files, FilesMax         uint64 // /proc/sys/fs/file-nr
	Conntrack, ConntrackMax uint64 // zero where connection tracking is not loaded
	Entropy                 uint64 // bits
}

// ParseFiles reads the bytes of /proc/sys/fs/file-nr: allocated, free, maximum.
func ParseFiles(b []byte) (allocated, maximum uint64) {
	allocated, b = cutNumber(b)
	_, b = cutNumber(b)
	line, _ := cutLine(b)
	maximum, _ = cutNumber(line)
	return allocated, maximum
}
