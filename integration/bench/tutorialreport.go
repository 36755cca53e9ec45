package main

import (
	"fmt"
	"slices"
)

// target is one demand on pingd beside the tutorial's stack.
type target struct {
	What string  `json:"what"`
	Want string  `json:"want"`
	Got  float64 `json:"got"`
	Met  bool    `json:"met"`
}

// The demands.
const (
	wantRate   = 20.0 // times the visits/s at the first number of clients
	wantMemory = 0.1  // of the memory
	wantFirst  = 1.0  // seconds
	wantGap    = 0.5  // seconds
)

// judge compares both stacks with the demands.
func (r *tutorialReport) judge() {
	sizes, visits := map[string]sizeFigure{}, map[string]visitFigure{}
	for _, s := range r.Sizes {
		sizes[s.Stack] = s
	}
	for _, v := range slices.Backward(r.Visits) { // the first number of clients stays
		visits[v.Stack] = v
	}
	old, we := sizes["tutorial"], sizes["pingd"]
	if old.Stack == "" || we.Stack == "" {
		return
	}
	longest, lost := 0.0, 0.0
	for _, f := range r.Faults {
		if f.Stack == "pingd" {
			longest = max(longest, f.Gap)
			lost += float64(f.Lost)
		}
	}
	for _, v := range r.Visits {
		if v.Stack == "pingd" {
			lost += float64(v.Duplicates)
		}
	}
	speed := visits["pingd"].Rate / visits["tutorial"].Rate
	memory := we.Memory / old.Memory
	r.Targets = []target{
		{"visits/s, times the tutorial's", fmt.Sprintf("at least %g", wantRate), speed, speed >= wantRate},
		{"memory, of the tutorial's", fmt.Sprintf("at most %g", wantMemory), memory, memory <= wantMemory},
		{"first answer, s", fmt.Sprintf("at most %g", wantFirst), we.First, we.First <= wantFirst},
		{"longest gap of all faults, s", fmt.Sprintf("below %g", wantGap), longest, longest < wantGap},
		{"visits lost or twice", "0", lost, lost == 0},
	}
}

func (r *tutorialReport) print(env *environment) error {
	if env.JSON {
		return writeJSON(env.stdout, r)
	}
	fmt.Fprintln(env.stdout, r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintln(env.stdout, note)
	}
	visits := table{head: []string{"clients", "stack", "visits/s", "p50 ms", "p99 ms", "CPU ms/visit", "acked", "twice", "errors"}}
	for _, v := range r.Visits {
		visits.add(count(v.Clients), v.Stack, rate(v.Rate), millis(v.P50), millis(v.P99), millis(v.CPU), count(v.Acked), count(v.Duplicates), count(v.Errors))
	}
	sizes := table{head: []string{"stack", "processes", "memory MiB", "after load", "first answer s"}}
	for _, s := range r.Sizes {
		sizes.add(s.Stack, count(s.Processes), rate(s.Memory), rate(s.Loaded), fmt.Sprintf("%.2f", s.First))
	}
	faults := table{head: []string{"fault", "stack", "longest gap s", "acked", "lost", "twice", "errors", "first answer of the new one s"}}
	for _, f := range r.Faults {
		joined := ""
		if f.Joined > 0 {
			joined = fmt.Sprintf("%.2f", f.Joined)
		}
		faults.add(f.Fault, f.Stack, fmt.Sprintf("%.2f", f.Gap), count(f.Acked), count(f.Lost), count(f.Duplicates), count(f.Errors), joined)
	}
	targets := table{head: []string{"target", "want", "got", ""}}
	for _, t := range r.Targets {
		met := "met"
		if !t.Met {
			met = "MISSED"
		}
		targets.add(t.What, t.Want, fmt.Sprintf("%.2f", t.Got), met)
	}
	for _, t := range []*table{&visits, &sizes, &faults, &targets} {
		if len(t.rows) == 0 {
			continue
		}
		fmt.Fprintln(env.stdout)
		if err := t.write(env.stdout); err != nil {
			return err
		}
	}
	return nil
}
