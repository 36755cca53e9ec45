package clients

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pingd/integration/bench/drive"
	"pingd/integration/bench/session"
	"pingd/integration/bench/show"
	"pingd/integration/bench/stats"
	libraries "pingd/integration/clients"
)

// Counts is what became of a library's increments.
type Counts struct {
	Acked   int64 `json:"acked"`   // acknowledged increments
	Missing int64 `json:"missing"` // of those, not in the final value, or with another's number
	Twice   int64 `json:"twice"`   // of those, with a number that another one has
	// Untold are in the final value and were acknowledged to nobody: increments that
	// ended in an error and happened, those that a library sent again by itself, and
	// at most one that was under way at the end of a round.
	Untold int64 `json:"untold"`
	Errors int64 `json:"errors"` // that the application saw
}

// seen is what one library saw of one fault.
type seen struct {
	Counts
	fault, end time.Duration // of its run
	gap, again time.Duration
	stuck      bool
}

// close holds what a library was told against the final value.
func (s *seen) close(t *tally, final int64) {
	a := t.Account(final)
	failed, _ := t.Errors()
	s.Counts = Counts{Acked: a.Acked, Missing: a.Lost, Twice: a.Duplicates, Untold: a.Unclaimed, Errors: failed}
	s.gap, s.again = t.around(s.fault, s.end, final)
}

// Figure is one library at one system under one fault, over all rounds.
type Figure struct {
	Fault   string `json:"fault"`
	Library string `json:"library"`
	Version string `json:"version"`
	System  string `json:"system"`
	Counts
	// Gaps are the longest times without an acknowledged write around the fault.
	Gaps []float64 `json:"gaps_ms"`
	// Agains are the times from the fault until writes were acknowledged again, and
	// for good.
	Agains []float64 `json:"again_ms"`
	// Stuck is in how many rounds the library did not write again for as long as the
	// node was away, or at all.
	Stuck int `json:"rounds_stuck"`
}

func (f *Figure) add(s seen) {
	f.Acked += s.Acked
	f.Missing += s.Missing
	f.Twice += s.Twice
	f.Untold += s.Untold
	f.Errors += s.Errors
	f.Gaps = append(f.Gaps, drive.Millis(s.gap))
	f.Agains = append(f.Agains, drive.Millis(s.again))
	if s.stuck {
		f.Stuck++
	}
}

// Ratio compares the systems as one library saw them, in the median of the rounds'
// own ratios.
type Ratio struct {
	Fault   string  `json:"fault"`
	Library string  `json:"library"`
	Gap     float64 `json:"gap"`
	Again   float64 `json:"again"`
}

// figure returns the row of one library, new if there is none.
func (r *Report) figure(fault string, l *libraries.Library, system string) *Figure {
	i := slices.IndexFunc(r.Figures, func(f *Figure) bool {
		return f.Fault == fault && f.Library == l.Name && f.System == system
	})
	if i >= 0 {
		return r.Figures[i]
	}
	f := &Figure{Fault: fault, Library: l.Name, Version: l.Version(), System: system}
	r.Figures = append(r.Figures, f)
	return f
}

// missing sums what a system lost.
func (r *Report) missing(system string) (sum int64) {
	for _, f := range r.Figures {
		if f.System == system {
			sum += f.Missing
		}
	}
	return sum
}

// compare fills Ratios, and puts each library's rows beside one another.
func (r *Report) compare() {
	faults, names := []string{}, []string{} // in the order of the measurement
	for _, f := range r.Figures {
		if !slices.Contains(faults, f.Fault) {
			faults = append(faults, f.Fault)
		}
		if !slices.Contains(names, f.Library) {
			names = append(names, f.Library)
		}
	}
	rank := func(f *Figure) []int {
		return []int{slices.Index(faults, f.Fault), slices.Index(names, f.Library), slices.Index(systemNames, f.System)}
	}
	slices.SortStableFunc(r.Figures, func(a, b *Figure) int { return slices.Compare(rank(a), rank(b)) })
	r.Ratios = nil
	for i := 1; i < len(r.Figures); i++ {
		we, they := r.Figures[i-1], r.Figures[i]
		if we.Fault != they.Fault || we.Library != they.Library {
			continue
		}
		r.Ratios = append(r.Ratios, Ratio{we.Fault, we.Library, stats.Ratio(they.Gaps, we.Gaps), stats.Ratio(they.Agains, we.Agains)})
	}
}

// versions names each library once, as its program does.
func (r *Report) versions() (list []string) {
	for _, f := range r.Figures {
		if !slices.Contains(list, f.Version) {
			list = append(list, f.Version)
		}
	}
	return list
}

func (r *Report) print(env *session.Session) error {
	if env.JSON {
		return show.JSON(env.Stdout, r)
	}
	fmt.Fprintln(env.Stdout, r.Machine)
	for _, note := range r.Notes {
		fmt.Fprintln(env.Stdout, note)
	}
	fmt.Fprintln(env.Stdout, "libraries:", strings.Join(r.versions(), ", "))
	t := show.Table{Head: []string{
		"fault", "library", "system", "acked", "missing", "numbers twice", "untold", "errors",
		"gap min", "median", "max ms", "again min", "median", "max ms", "stuck",
	}}
	for _, f := range r.Figures {
		row := []string{f.Fault, f.Library, f.System, show.Count(f.Acked), show.Count(f.Missing), show.Count(f.Twice), show.Count(f.Untold), show.Count(f.Errors)}
		for _, times := range [][]float64{f.Gaps, f.Agains} {
			row = append(row, show.Millis(slices.Min(times)), show.Millis(stats.Median(times)), show.Millis(slices.Max(times)))
		}
		t.Add(append(row, show.Count(f.Stuck))...)
	}
	if err := t.Write(env.Stdout); err != nil {
		return err
	}
	ratios := show.Table{Head: []string{"fault", "library", "gap: redis / pingd", "again: redis / pingd"}}
	for _, x := range r.Ratios {
		ratios.Add(x.Fault, x.Library, fmt.Sprintf("%.1f", x.Gap), fmt.Sprintf("%.1f", x.Again))
	}
	return ratios.Write(env.Stdout)
}
