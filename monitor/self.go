package monitor

import (
	"bytes"
	"os"
	"strconv"

	"pingd/monitor/record"
)

// ownUse reads what this process takes; false where there is no /proc.
func ownUse() (record.Own, bool) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return record.Own{}, false
	}
	// The name stands in parentheses; user and system time are fields 14 and 15,
	// the resident pages field 24 (proc(5)).
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 22 {
		return record.Own{}, false
	}
	n := func(i int) float64 {
		v, _ := strconv.ParseFloat(string(fields[i]), 64) // the kernel writes numbers there
		return v
	}
	const hz = 100
	return record.Own{CPUSeconds: (n(11) + n(12)) / hz, Memory: n(21) * float64(os.Getpagesize())}, true
}
