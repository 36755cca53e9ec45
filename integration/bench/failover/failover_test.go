package failover

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pingd/integration/bench/machine"
	"pingd/integration/bench/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestValidate(t *testing.T) {
	good := Command{Only: names, Faults: faults, Rounds: 1, Try: time.Millisecond}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Command){
		"--only=etcd: unknown system\nhint: one or more of pingd,redis-sentinel":        func(c *Command) { c.Only = []string{"pingd", "etcd"} },
		"--faults=burn: unknown fault\nhint: one or more of kill,terminate,pause":       func(c *Command) { c.Faults = []string{"burn"} },
		"--rounds=0 and --try=1ms must be above 0":                                      func(c *Command) { c.Rounds = 0 },
		"--rounds=1 and --try=-1s must be above 0":                                      func(c *Command) { c.Try = -time.Second },
		"--only=: unknown system\nhint: one or more of pingd,redis-sentinel":            func(c *Command) { c.Only = []string{""} },
		"--faults=kill,pause: unknown fault\nhint: one or more of kill,terminate,pause": func(c *Command) { c.Faults = []string{"kill,pause"} },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// All mistakes are told at once.
	if err := (&Command{Only: []string{"a"}, Faults: []string{"b"}}).Validate(); err == nil || strings.Count(err.Error(), "--") != 4 {
		t.Errorf("%v", err)
	}
}

func TestPrint(t *testing.T) {
	r := &Report{
		Machine: machine.Machine{Cores: 2}, Notes: []string{"a note"},
		Figures: []Figure{
			{Fault: "kill", System: "pingd", Gaps: []float64{300, 100, 200}, Acked: 12345, Restore: 1.25},
			{Fault: "kill", System: "redis-sentinel", Gaps: []float64{9000}, Lost: 3, Unclaimed: 4, Errors: 5, Twice: 1},
		},
	}
	var text, object bytes.Buffer
	if err := r.print(&session.Session{Stdout: &text}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text.String(), "\n")
	if len(lines) != 6 || !strings.HasPrefix(lines[0], "machine: 2 cores") || lines[1] != "a note" {
		t.Fatalf("%q", lines)
	}
	for i, want := range map[int]string{
		2: "fault system gap min median max ms acked lost two fail-overs unclaimed errors whole again s",
		3: "kill pingd 100 200 300 12,345 0 0 0 0 1.2",
		4: "kill redis-sentinel 9000 9000 9000 0 3 1 4 5 0.0",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
	if err := r.print(&session.Session{Stdout: &object, Flags: session.Flags{JSON: true}}); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(object.Bytes(), &back); err != nil || !reflect.DeepEqual(&back, r) {
		t.Errorf("%v, %+v", err, back)
	}
}
