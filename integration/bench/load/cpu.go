package load

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"pingd/integration/procs"
)

// itself is the role of the process that makes the load.
const itself = "load"

// RoleCPU is the processor time that the processes of one kind took per visit.
type RoleCPU struct {
	Role   string  `json:"role"`
	User   float64 `json:"user_us"`
	System float64 `json:"system_us"`
}

// cpuWatch takes the processor time of a cluster's processes before and after.
type cpuWatch struct {
	roles  []string
	of     map[string][]*procs.Process
	before map[string]procs.Usage
}

// watchCPU begins to watch. The leader is a role of its own: it does most of a
// store's work.
func watchCPU(ctx context.Context, c *procs.Cluster) (*cpuWatch, error) {
	leader, err := c.WaitLeader(ctx)
	if err != nil {
		return nil, err
	}
	w := &cpuWatch{roles: []string{"counters", "proxies", "leader", "followers", itself}, of: map[string][]*procs.Process{}}
	for _, n := range c.Stores {
		role := "followers"
		if n == leader {
			role = "leader"
		}
		w.of[role] = append(w.of[role], n.Process)
	}
	for _, n := range c.Counters {
		w.of["counters"] = append(w.of["counters"], n.Process)
	}
	for _, n := range c.Proxies {
		w.of["proxies"] = append(w.of["proxies"], n.Process)
	}
	w.before, err = w.now()
	return w, err
}

func (w *cpuWatch) now() (map[string]procs.Usage, error) {
	all := map[string]procs.Usage{}
	for role, list := range w.of {
		var sum procs.Usage
		for _, p := range list {
			u, err := p.Usage()
			if err != nil {
				return nil, err
			}
			sum.User += u.User
			sum.System += u.System
		}
		all[role] = sum
	}
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return nil, fmt.Errorf("usage of the load: %w", err)
	}
	all[itself] = procs.Usage{User: time.Duration(own.Utime.Nano()), System: time.Duration(own.Stime.Nano())}
	return all, nil
}

// perVisit is what was taken since, in microseconds per visit; nothing of a nil
// watch.
func (w *cpuWatch) perVisit(visits int64) ([]RoleCPU, error) {
	if w == nil {
		return nil, nil
	}
	after, err := w.now()
	if err != nil {
		return nil, err
	}
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(max(1, visits)) }
	var list []RoleCPU
	for _, role := range w.roles {
		b, a := w.before[role], after[role]
		list = append(list, RoleCPU{Role: role, User: per(a.User - b.User), System: per(a.System - b.System)})
	}
	return list, nil
}

func printCPU(w io.Writer, list []RoleCPU) {
	if len(list) == 0 {
		return
	}
	var sum float64
	fmt.Fprintln(w, "  CPU per visit, user + system:")
	for _, r := range list {
		fmt.Fprintf(w, "    %-10s %5.1f + %5.1f us\n", r.Role, r.User, r.System)
		if r.Role != itself {
			sum += r.User + r.System
		}
	}
	fmt.Fprintf(w, "    %-10s %13.1f us, without the load\n", "together", sum)
}
