package tutorial

import (
	"fmt"
	"slices"

	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/bench/stack"
	"pingd/integration/bench/stats"
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
func (r *Report) judge() {
	sizes, visits := map[string]stack.Size{}, map[string]stack.Visited{}
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

func (r *Report) print(env *session.Session) error {
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	fmt.Fprintln(env.Stdout, r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintln(env.Stdout, note)
	}
	visits := show.Table{Head: []string{"clients", "stack", "visits/s", "p50 ms", "p99 ms", "CPU ms/visit", "acked", "twice", "errors"}}
	for _, v := range r.Visits {
		visits.Add(show.Count(v.Clients), v.Stack, show.Rate(v.Rate), show.Millis(v.P50), show.Millis(v.P99), show.Millis(v.CPU), show.Count(v.Acked), show.Count(v.Duplicates), show.Count(v.Errors))
	}
	sizes := show.Table{Head: []string{"stack", "processes", "memory MiB", "after load", "first answer s"}}
	for _, s := range r.Sizes {
		sizes.Add(s.Stack, show.Count(s.Processes), show.Rate(s.Memory), show.Rate(s.Loaded), fmt.Sprintf("%.2f", s.First))
	}
	faults := show.Table{Head: []string{"fault", "stack", "longest gap s", "acked", "lost", "twice", "errors", "first answer of the new one s"}}
	for _, f := range r.Faults {
		joined := ""
		if f.Joined > 0 {
			joined = fmt.Sprintf("%.2f", f.Joined)
		}
		faults.Add(f.Fault, f.Stack, fmt.Sprintf("%.2f", f.Gap), show.Count(f.Acked), show.Count(f.Lost), show.Count(f.Duplicates), show.Count(f.Errors), joined)
	}
	targets := show.Table{Head: []string{"target", "want", "got", ""}}
	for _, t := range r.Targets {
		met := "met"
		if !t.Met {
			met = "MISSED"
		}
		targets.Add(t.What, t.Want, fmt.Sprintf("%.2f", t.Got), met)
	}
	for _, t := range []*show.Table{&visits, &sizes, &faults, &targets} {
		if len(t.Rows) == 0 {
			continue
		}
		fmt.Fprintln(env.Stdout)
		if err := t.Write(env.Stdout); err != nil {
			return err
		}
	}
	return nil
}

// medians gathers the rounds of one stack.
func medians(rounds []stack.Visited) stack.Visited {
	of := func(field func(stack.Visited) float64) float64 {
		var values []float64
		for _, r := range rounds {
			values = append(values, field(r))
		}
		return stats.Median(values)
	}
	f := stack.Visited{Stack: rounds[0].Stack, Clients: rounds[0].Clients}
	f.Rate = of(func(f stack.Visited) float64 { return f.Rate })
	f.P50 = of(func(f stack.Visited) float64 { return f.P50 })
	f.P99 = of(func(f stack.Visited) float64 { return f.P99 })
	f.CPU = of(func(f stack.Visited) float64 { return f.CPU })
	for _, r := range rounds {
		f.Acked += r.Acked
		f.Duplicates += r.Duplicates
		f.Errors += r.Errors
	}
	return f
}
