package tutorial

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/bench/session"
	"pingd/integration/bench/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTutorialValidate(t *testing.T) {
	good := Command{For: time.Second, Clients: []int{50, 1}, Rounds: 1, DownAfter: time.Second, Poll: time.Second, Faults: faults, Only: names}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Command){
		"--only=nginx":     func(c *Command) { c.Only = []string{"nginx"} },
		"--faults=sink":    func(c *Command) { c.Faults = []string{"sink"} },
		"must be above 0":  func(c *Command) { c.Clients = []int{50, 0} },
		"--down-after":     func(c *Command) { c.DownAfter = 0 },
		"--clients, --for": func(c *Command) { c.Clients = nil },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one with %q", err, want)
		}
	}
}

// reportOf is a run in which pingd had the given figures and the tutorial's stack
// 100 visits/s, 500 MiB, 2 s and a gap of 30 s.
func reportOf(speed, memory, first, gap float64, lost int64) *Report {
	return &Report{
		Visits: []stack.Visited{
			{Stack: "tutorial", Clients: 50, Rate: 100, Duplicates: 7},
			{Stack: "pingd", Clients: 50, Rate: speed},
			{Stack: "tutorial", Clients: 1, Rate: 1},
			{Stack: "pingd", Clients: 1, Rate: 1}, // not the one to judge by
		},
		Sizes:  []stack.Size{{Stack: "tutorial", Memory: 500, First: 2}, {Stack: "pingd", Memory: memory, First: first}},
		Faults: []stack.Harm{{Stack: "tutorial", Gap: 30, Lost: 9}, {Stack: "pingd", Gap: gap, Lost: lost}, {Stack: "pingd", Gap: gap / 2, Joined: 0.1}},
	}
}

func TestTutorialTargets(t *testing.T) {
	for name, c := range map[string]struct {
		report *Report
		missed string // the first words of those
	}{
		"all met":      {reportOf(2000, 50, 1, 0.49, 0), ""},
		"slow":         {reportOf(1999, 50, 1, 0.49, 0), "visits/s"},
		"big":          {reportOf(2000, 51, 1, 0.49, 0), "memory"},
		"late":         {reportOf(2000, 50, 1.1, 0.49, 0), "first"},
		"gap":          {reportOf(2000, 50, 1, 0.5, 0), "longest"},
		"lost":         {reportOf(2000, 50, 1, 0.49, 1), "visits lost"},
		"pingd only":   {&Report{Sizes: []stack.Size{{Stack: "pingd"}}}, "no targets"},
		"nothing done": {&Report{}, "no targets"},
	} {
		c.report.judge()
		if c.missed == "no targets" {
			if c.report.Targets != nil {
				t.Errorf("%s: %+v without a peer", name, c.report.Targets)
			}
			continue
		}
		var missed []string
		for _, target := range c.report.Targets {
			if !target.Met {
				missed = append(missed, target.What)
			}
		}
		if len(c.report.Targets) != 5 || c.missed == "" && missed != nil || c.missed != "" && (len(missed) != 1 || !strings.HasPrefix(missed[0], c.missed)) {
			t.Errorf("%s: missed %q of %+v", name, missed, c.report.Targets)
		}
	}
}

func TestTutorialMedians(t *testing.T) {
	got := medians([]stack.Visited{
		{Stack: "s", Clients: 50, Rate: 3, P50: 1, P99: 9, CPU: 2, Acked: 1, Duplicates: 1},
		{Stack: "s", Clients: 50, Rate: 1, P50: 3, P99: 7, CPU: 1, Acked: 2, Errors: 1},
		{Stack: "s", Clients: 50, Rate: 2, P50: 2, P99: 8, CPU: 3, Acked: 3, Errors: 1},
	})
	if want := (stack.Visited{Stack: "s", Clients: 50, Rate: 2, P50: 2, P99: 8, CPU: 2, Acked: 6, Duplicates: 1, Errors: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTutorialPrints(t *testing.T) {
	report := reportOf(1999, 50, 1, 0.49, 0)
	report.judge()
	var text, object bytes.Buffer
	if err := report.print(&session.Session{Stdout: &text}); err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(text.String()), " ")
	for _, want := range []string{"visits/s, times the tutorial's at least 20 19.99 MISSED", "first answer, s at most 1 1.00 met", "pingd 0.24 0 0 0 0 0.10"} {
		if !strings.Contains(words, want) {
			t.Errorf("no %q in:\n%s", want, &text)
		}
	}
	if err := report.print(&session.Session{Stdout: &object, Flags: session.Flags{JSON: true}}); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(object.Bytes(), &back); err != nil || len(back.Targets) != 5 || back.Targets[0].Met {
		t.Errorf("%v, %+v", err, back.Targets)
	}
}
