package procs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU time in /proc: USER_HZ, 100 on every Linux
// architecture that Go runs on.
const clockTick = time.Second / 100

// Usage is what a process and its direct children have used.
type Usage struct {
	User, System time.Duration // CPU time since the start, steps of 10 ms
	RSS          int64         // resident memory, bytes
}

// CPU returns the user and system time together.
func (u Usage) CPU() time.Duration { return u.User + u.System }

// Usage reads the present use of the process and of its direct children
// (nginx's workers). ErrNotRunning if it has ended.
func (p *Process) Usage() (Usage, error) {
	if !p.Running() {
		return Usage{}, fmt.Errorf("usage of %s: %w", p.Name(), ErrNotRunning)
	}
	pid := p.PID()
	pids := append([]int{pid}, children(pid)...)
	var sum Usage
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return Usage{}, fmt.Errorf("usage of %s: %w", p.Name(), err)
		}
		u, err := parseStat(stat)
		if err != nil {
			return Usage{}, fmt.Errorf("usage of %s: %w", p.Name(), err)
		}
		sum.User += u.User
		sum.System += u.System
		sum.RSS += u.RSS
	}
	return sum, nil
}

// children lists the direct children of pid, of all its threads.
func children(pid int) []int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // fails on a bad pattern only
	var pids []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread ended
		}
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// parseStat reads the fields utime, stime and rss of /proc/<pid>/stat
// (proc(5)). The name in parentheses may itself hold spaces and parentheses.
func parseStat(stat []byte) (Usage, error) {
	_, rest, ok := bytes.Cut(stat, []byte("("))
	end := bytes.LastIndexByte(rest, ')')
	if !ok || end < 0 {
		return Usage{}, errors.New("parse stat: no program name")
	}
	fields := strings.Fields(string(rest[end+1:]))
	const state, utime, stime, rss = 3, 14, 15, 24 // numbers as in proc(5)
	if len(fields) <= rss-state {
		return Usage{}, fmt.Errorf("parse stat: %d fields", len(fields))
	}
	var values [3]int64
	for i, field := range []int{utime, stime, rss} {
		v, err := strconv.ParseInt(fields[field-state], 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("parse stat: field %d: %w", field, err)
		}
		values[i] = v
	}
	return Usage{
		User:   time.Duration(values[0]) * clockTick,
		System: time.Duration(values[1]) * clockTick,
		RSS:    values[2] * int64(os.Getpagesize()),
	}, nil
}

// Footprint is what a process with its workers occupies.
type Footprint struct {
	Processes int
	Memory    int64 // proportional set size, bytes: pages shared by n processes count 1/n in each
}

// Footprint reads the present size of the process and of its direct children.
// ErrNotRunning if it has ended.
func (p *Process) Footprint() (Footprint, error) {
	if !p.Running() {
		return Footprint{}, fmt.Errorf("footprint of %s: %w", p.Name(), ErrNotRunning)
	}
	pid := p.PID()
	var f Footprint
	for _, pid := range append([]int{pid}, children(pid)...) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return Footprint{}, fmt.Errorf("footprint of %s: %w", p.Name(), err)
		}
		_, rest, _ := bytes.Cut(text, []byte("\nPss:"))
		line, _, _ := bytes.Cut(rest, []byte("kB"))
		kb, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
		if err != nil {
			return Footprint{}, fmt.Errorf("footprint of %s: %w", p.Name(), err)
		}
		f.Processes++
		f.Memory += kb << 10
	}
	return f, nil
}
