// Package pressure reads pressure stall information (Documentation/accounting/psi.rst),
// which a machine and each of its control groups give in files of the same form.
package pressure

import "pingd/monitor/host/scan"

// Stall is one pressure file: how long some, or all, of the runnable tasks waited
// for the resource, in microseconds since boot. Known is false where the kernel
// does not keep it.
type Stall struct {
	Some, Full uint64
	Known      bool
}

// All holds the stalls of a machine or of a container. IRQ has its Full half only,
// and is kept by kernels built to account for interrupts.
type All struct{ CPU, Memory, IO, IRQ Stall }

// Parse reads the bytes of a pressure file. Only total= is used: the averages the
// kernel prints are smoothed over 10 s and more.
func Parse(b []byte) (s Stall) {
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		kind, rest := scan.Field(line)
		for {
			var f []byte
			if f, rest = scan.Field(rest); len(f) == 0 {
				break
			}
			if !scan.HasPrefix(f, "total=") {
				continue
			}
			switch string(kind) {
			case "some":
				s.Some, s.Known = scan.Number(f[6:]), true
			case "full":
				s.Full, s.Known = scan.Number(f[6:]), true
			}
		}
	}
	return s
}
