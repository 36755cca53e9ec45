package stack

import (
	"context"
	"time"

	"pingd/integration/bench/drive"
)

// Visited is one stack under a number of clients, medians of the rounds.
type Visited struct {
	Stack      string  `json:"stack"`
	Clients    int     `json:"clients"`
	Rate       float64 `json:"visits_per_s"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	CPU        float64 `json:"cpu_ms_per_visit"` // of all processes of the stack
	Acked      int64   `json:"acked"`            // over all rounds
	Duplicates int64   `json:"duplicates"`
	Errors     int64   `json:"errors"`
}

// Size is what a stack occupies at rest, and how soon it answers.
type Size struct {
	Stack     string  `json:"stack"`
	Processes int     `json:"processes"`
	Memory    float64 `json:"memory_mib"`   // proportional set size of all
	Loaded    float64 `json:"loaded_mib"`   // the same after the rounds
	First     float64 `json:"first_answer"` // seconds after all processes are started at once
}

// Harm is one stack under one fault.
type Harm struct {
	Fault      string  `json:"fault"`
	Stack      string  `json:"stack"`
	Gap        float64 `json:"gap_s"`
	Acked      int64   `json:"acked"`
	Lost       int64   `json:"lost"`
	Duplicates int64   `json:"duplicates"`
	Errors     int64   `json:"errors"`
	Joined     float64 `json:"joined_s,omitempty"` // of add-app: from registered to its first answer
}

// Visit makes one round of visits as the tutorial's view answers them.
func (s *Stack) Visit(ctx context.Context, clients int, takes time.Duration) (f Visited, err error) {
	base, _, err := drive.VisitOnce(ctx, s.url, VisitTimeout)
	if err != nil {
		return f, err
	}
	before, err := s.cpu()
	if err != nil {
		return f, err
	}
	rec := drive.NewRecorder(base)
	h, err := drive.Visits{URLs: []string{s.url}, Clients: clients, For: takes, Timeout: VisitTimeout}.Run(ctx, rec)
	if err != nil {
		return f, err
	}
	during := rec.Since()
	after, err := s.cpu()
	if err != nil {
		return f, err
	}
	a := rec.Account(1 << 62)
	result := drive.NewResult(h, during)
	errs, _ := rec.Errors()
	return Visited{
		Stack: s.Name, Clients: clients, Rate: result.Ops, P50: result.P50, P99: result.P99,
		CPU: drive.Millis(after-before) / float64(max(1, a.Acked)), Acked: a.Acked, Duplicates: a.Duplicates, Errors: errs,
	}, nil
}
