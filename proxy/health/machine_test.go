package health

import (
	"strings"
	"testing"
	"time"
)

// TestScenarios reads p as a passed check, f as a failed one, r as a refused
// connection, c as one that was made, and compares the states after each.
func TestScenarios(t *testing.T) {
	for _, c := range []struct{ name, events, states string }{
		{"nothing before the first pass", "ffffff p", "NNNNNN U"},
		{"first pass is enough", "p", "U"},
		{"five failures", "p fffff", "U UUUUD"},
		{"a pass forgives failures", "p ffff p fffff", "U UUUU U UUUUD"},
		{"two passes to rise", "p fffff p f pp", "U UUUUD D D DU"},
		{"three refusals", "p rrr", "U UUR"},
		{"a connection forgives refusals", "p rr c rrr", "U UU U UUR"},
		{"a passed check forgives refusals", "p rr p rr", "U UU U UU"},
		{"refusing rises", "p rrr pp", "U UUR RU"},
		{"refusing confirmed", "p rrr fffff", "U UUR RRRRD"},
		{"refusing undecided", "p rrr fpfpf pp", "U UUR RRRRR RU"},
		{"refusals of a new one", "rrrr p", "NNNN U"},
		{"refusals of a dead one", "p fffff rrrr pp", "U UUUUD DDDD DU"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := NewMachine(Config{})
			var got strings.Builder
			for _, e := range c.events {
				before, changed := m.State(), false
				switch e {
				case 'p', 'f':
					changed = m.Check(e == 'p')
				case 'r':
					changed = m.Refused()
				case 'c':
					m.Connected()
				default:
					got.WriteByte(' ')
					continue
				}
				if changed != (before != m.State()) {
					t.Errorf("changed=%v from %v to %v", changed, before, m.State())
				}
				got.WriteByte(m.State().String()[0])
			}
			if got.String() != c.states {
				t.Errorf("got  %s\nwant %s", got.String(), c.states)
			}
		})
	}
}

func TestNext(t *testing.T) {
	m := NewMachine(Config{Interval: 2 * time.Second, DownInterval: 3 * time.Second, Fall: 2})
	want := func(d time.Duration) {
		t.Helper()
		if m.Next() != d {
			t.Errorf("in %v: %v, want %v", m.State(), m.Next(), d)
		}
	}
	if m.Checked() {
		t.Error("checked before a check")
	}
	want(500 * time.Millisecond)
	m.Check(true)
	want(2 * time.Second)
	m.Check(false)
	want(500 * time.Millisecond)
	m.Check(false)
	want(3 * time.Second)
	m.Check(true)
	want(500 * time.Millisecond)
	m.Check(true)
	want(2 * time.Second)
}

func TestDefaults(t *testing.T) {
	got := Config{Interval: 100 * time.Millisecond}.WithDefaults()
	want := Config{
		Interval: 100 * time.Millisecond, FastInterval: 100 * time.Millisecond, DownInterval: 100 * time.Millisecond,
		Timeout: 100 * time.Millisecond, Rise: 2, Fall: 5, Refusals: 3,
	}
	if got != want {
		t.Errorf("got %+v", got)
	}
}

func TestRestore(t *testing.T) {
	m := NewMachine(Config{})
	if !m.Restore() || m.State() != Down || m.Restore() {
		t.Fatal(m.State())
	}
	m.Check(true)
	if m.State() != Down {
		t.Error("one passed check brought back a server that was down")
	}
	m.Check(true)
	if m.State() != Up {
		t.Error(m.State())
	}
	for _, passed := range []bool{true, false} {
		m = NewMachine(Config{})
		m.Check(passed)
		if m.Restore() {
			t.Error("an old opinion overruled a check")
		}
	}
}
