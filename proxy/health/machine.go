package health

import "time"

// State is what a server is believed to be.
type State uint8

const (
	// New has not passed a check yet: no traffic.
	New State = iota
	// Up gets traffic.
	Up
	// Refusing was up by its checks but refused several connections in a row:
	// no traffic while another server is up, but tried when none is, so that
	// passive signs alone never make an outage.
	Refusing
	// Down failed its checks: no traffic.
	Down
)

// String returns the state as the status table shows it.
func (s State) String() string {
	switch s {
	case Up:
		return "UP"
	case Refusing:
		return "REFUSING"
	case Down:
		return "DOWN"
	}
	return "NEW"
}

// Config is how fast opinions change. Zero fields take their defaults.
type Config struct {
	// Interval is the time between checks of a server whose state is settled
	// (default 2s; HAProxy "inter").
	Interval time.Duration
	// FastInterval is used while the state is about to change (default 500ms
	// or Interval, whichever is less; HAProxy "fastinter").
	FastInterval time.Duration
	// DownInterval is used while the server is down (default Interval; HAProxy
	// "downinter").
	DownInterval time.Duration
	// Timeout is how long one check may take (default Interval).
	Timeout time.Duration
	// Rise is how many passed checks in a row bring a server back (default 2).
	Rise int
	// Fall is how many failed checks in a row take a server out (default 5).
	Fall int
	// Refusals is how many failed connections in a row, without a success in
	// between, take a server out at once (default 3).
	Refusals int
}

// WithDefaults returns c with its zero fields filled in.
func (c Config) WithDefaults() Config {
	if c.Interval <= 0 {
		c.Interval = 2 * time.Second
	}
	if c.FastInterval <= 0 {
		c.FastInterval = min(500*time.Millisecond, c.Interval)
	}
	if c.DownInterval <= 0 {
		c.DownInterval = c.Interval
	}
	if c.Timeout <= 0 {
		c.Timeout = c.Interval
	}
	if c.Rise <= 0 {
		c.Rise = 2
	}
	if c.Fall <= 0 {
		c.Fall = 5
	}
	if c.Refusals <= 0 {
		c.Refusals = 3
	}
	return c
}

// But returns c with the fields of o that are set in the place of its own.
func (c Config) But(o Config) Config {
	set := func(d *time.Duration, v time.Duration) {
		if v > 0 {
			*d = v
		}
	}
	count := func(n *int, v int) {
		if v > 0 {
			*n = v
		}
	}
	set(&c.Interval, o.Interval)
	set(&c.FastInterval, o.FastInterval)
	set(&c.DownInterval, o.DownInterval)
	set(&c.Timeout, o.Timeout)
	count(&c.Rise, o.Rise)
	count(&c.Fall, o.Fall)
	count(&c.Refusals, o.Refusals)
	return c
}

// Machine holds one server's state. Make it with NewMachine; not safe for
// concurrent use.
type Machine struct {
	cfg      Config
	state    State
	streak   int // checks in a row that speak against the state
	refusals int
	checked  bool
}

// NewMachine returns a machine in state New.
func NewMachine(cfg Config) *Machine { return &Machine{cfg: cfg.WithDefaults()} }

// Configure changes how fast the opinion changes from now on.
func (m *Machine) Configure(cfg Config) { m.cfg = cfg.WithDefaults() }

// Config returns how fast the opinion changes, defaults filled in.
func (m *Machine) Config() Config { return m.cfg }

// State returns the current state.
func (m *Machine) State() State { return m.state }

// Restore makes a machine that knows nothing yet start in Down: the server was
// down when this proxy, or another, looked last, and needs as many passed checks
// as any that comes back. It reports whether the state changed.
func (m *Machine) Restore() (changed bool) {
	if m.state != New || m.checked {
		return false
	}
	m.to(Down)
	return true
}

// Checked reports whether any check has come back, passed or failed.
func (m *Machine) Checked() bool { return m.checked }

// Check takes in the result of a check and reports whether the state changed.
func (m *Machine) Check(passed bool) (changed bool) {
	m.checked = true
	if passed {
		m.refusals = 0
	}
	switch m.state {
	case New:
		if passed {
			m.to(Up)
			return true
		}
		return false
	case Up:
		return m.count(!passed, m.cfg.Fall, Down)
	case Down:
		return m.count(passed, m.cfg.Rise, Up)
	}
	// Refusing hears both: passes bring it back, failures confirm it.
	if passed {
		m.streak = max(m.streak, 0) + 1
		if m.streak >= m.cfg.Rise {
			m.to(Up)
			return true
		}
		return false
	}
	m.streak = min(m.streak, 0) - 1
	if -m.streak >= m.cfg.Fall {
		m.to(Down)
		return true
	}
	return false
}

// Refused takes in a connection that could not be made and reports whether the
// state changed.
func (m *Machine) Refused() (changed bool) {
	m.refusals++
	if m.state == Up && m.refusals >= m.cfg.Refusals {
		m.to(Refusing)
		return true
	}
	return false
}

// Connected takes in a connection that was made: refusals count in a row only.
func (m *Machine) Connected() { m.refusals = 0 }

// Next returns how long to wait before the next check, without jitter.
func (m *Machine) Next() time.Duration {
	switch {
	case m.state == New, m.state == Refusing, m.streak != 0:
		return m.cfg.FastInterval
	case m.state == Down:
		return m.cfg.DownInterval
	}
	return m.cfg.Interval
}

func (m *Machine) count(against bool, limit int, next State) bool {
	if !against {
		m.streak = 0
		return false
	}
	if m.streak++; m.streak >= limit {
		m.to(next)
		return true
	}
	return false
}

func (m *Machine) to(s State) { m.state, m.streak, m.refusals = s, 0, 0 }
