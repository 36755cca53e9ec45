package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"pingd/integration/bench/stats"
)

// Machine is what the figures were made on.
type Machine struct {
	Cores  int     `json:"cores"`
	Kernel string  `json:"kernel"`
	Go     string  `json:"go"`
	Load   string  `json:"load"`    // of the last minute, before the benchmark
	SyncMS float64 `json:"sync_ms"` // median of a 4 KiB write with O_DSYNC
	Jitter float64 `json:"jitter"`  // 90th percentile of equal pieces of work, to the shortest
	Noisy  bool    `json:"noisy"`
}

// noisyFrom is the jitter above which absolute figures say little.
const noisyFrom = 1.25

// Inspect measures the machine; dir lies on the disk that the stores use.
func Inspect(dir string) (Machine, error) {
	sync, err := syncTime(dir)
	if err != nil {
		return Machine{}, err
	}
	m := Machine{
		Cores: runtime.NumCPU(), Kernel: readWord("/proc/sys/kernel/osrelease"), Go: runtime.Version(),
		Load: readWord("/proc/loadavg"), SyncMS: float64(sync) / float64(time.Millisecond), Jitter: jitter(),
	}
	m.Noisy = m.Jitter > noisyFrom
	return m, nil
}

// String is the line above every table.
func (m Machine) String() string {
	calm := "calm"
	if m.Noisy {
		calm = "noisy: trust the ratios"
	}
	return fmt.Sprintf("machine: %d cores, Linux %s, %s, load %s, 4 KiB synced write %.2f ms, jitter %.2f (%s)",
		m.Cores, m.Kernel, m.Go, m.Load, m.SyncMS, m.Jitter, calm)
}

// readWord returns the first word of a file, "unknown" if it cannot be read.
func readWord(path string) string {
	text, err := os.ReadFile(path)
	words := strings.Fields(string(text))
	if err != nil || len(words) == 0 {
		return "unknown"
	}
	return words[0]
}

// syncTime returns the median time of a 4 KiB write that is on disk.
func syncTime(dir string) (time.Duration, error) {
	path := filepath.Join(dir, "sync-time")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|syscall.O_DSYNC, 0o600)
	if err != nil {
		return 0, fmt.Errorf("measure disk: %w", err)
	}
	defer os.Remove(path)
	defer f.Close()
	block := make([]byte, 4<<10)
	var times []time.Duration
	for range 60 {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("measure disk: %w", err)
		}
		times = append(times, time.Since(start))
	}
	return stats.Median(times), nil
}

// jitter does the same work again and again and compares how long it took.
func jitter() float64 {
	var h stats.Histogram
	shortest := time.Hour
	x := uint64(1)
	for range 100 {
		start := time.Now()
		for range 500_000 { // about a millisecond
			x = x*6364136223846793005 + 1442695040888963407
		}
		took := time.Since(start)
		shortest = min(shortest, took)
		h.Record(took)
	}
	runtime.KeepAlive(x)
	return float64(h.Quantile(0.9)) / float64(shortest)
}
