package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"

	"pingd/integration/bench/stack"
	"pingd/integration/bench/stats"
	"pingd/integration/procs"
)

// Holding is what all processes together hold at one time.
type Holding struct {
	At         float64 `json:"at_s"`
	Memory     float64 `json:"memory_mib"` // proportional set size
	Files      float64 `json:"open_files"`
	Goroutines float64 `json:"goroutines"`
	Disk       float64 `json:"disk_mib"`
}

// hold reads what the processes hold and what lies in their directories.
func hold(ctx context.Context, cluster *procs.Cluster, dir string) (h Holding, err error) {
	for _, n := range cluster.Nodes() {
		f, err := n.Footprint()
		if err != nil {
			return h, err
		}
		h.Memory += stack.MiB(f.Memory)
		text, _, err := stack.Fetch(ctx, "http://"+n.Admin+"/metrics")
		if err != nil {
			return h, err
		}
		h.Files += metric(text, "process_open_fds")
		h.Goroutines += metric(text, "go_goroutines")
	}
	size, err := below(dir)
	h.Disk = stack.MiB(size)
	return h, err
}

// metric reads a metric without labels, 0 if there is none.
func metric(text []byte, name string) float64 {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, ok := bytes.CutPrefix(lines.Bytes(), []byte(name+" ")); ok {
			v, _ := strconv.ParseFloat(string(value), 64) // 0 for what is no number
			return v
		}
	}
	return 0
}

// below sums the files of the data directories; logs of processes do not count.
func below(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || filepath.Ext(path) == ".log") {
			return nil
		}
		if err != nil {
			return err
		}
		if d.Name() == "pingd" { // the binary
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			sum += onDisk(info)
		}
		return err
	})
	return sum, err
}

// onDisk returns the space that a file takes, which is less than its size where
// pieces of it are empty.
func onDisk(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// grown compares the second quarter of the time, when all is warm, with the last.
func grown(held []Holding) (what []string) {
	quarter := len(held) / 4
	if quarter == 0 {
		return nil
	}
	for _, m := range []struct {
		name   string
		of     func(Holding) float64
		factor float64 // of growth that is still noise, and what is added to it
		more   float64
	}{
		{"memory", func(h Holding) float64 { return h.Memory }, 1.25, 16},
		{"open files", func(h Holding) float64 { return h.Files }, 1.1, 16},
		{"goroutines", func(h Holding) float64 { return h.Goroutines }, 1.1, 40},
		{"disk", func(h Holding) float64 { return h.Disk }, 1.25, 200}, // logs are cut in steps
	} {
		median := func(part []Holding) float64 {
			var values []float64
			for _, h := range part {
				values = append(values, m.of(h))
			}
			return stats.Median(values)
		}
		early, late := median(held[quarter:2*quarter]), median(held[len(held)-quarter:])
		if late > early*m.factor+m.more {
			what = append(what, fmt.Sprintf("%s %.0f to %.0f", m.name, early, late))
		}
	}
	return what
}
