package linear

import (
	"fmt"
	"time"
)

// Outcome is what a client knows of an operation that has ended for it.
type Outcome int

// The outcomes. The zero value is Unknown: so it is until an answer comes.
const (
	Unknown  Outcome = iota // it was done, or will be at any later time, or never
	Answered                // it was done, between its begin and its end
	Refused                 // it is never done
)

// String returns the outcome in a word.
func (o Outcome) String() string {
	return [...]string{"unknown", "answered", "refused"}[o]
}

// now is the time since start. Only differences count, so that one start serves a test.
func now(start time.Time) time.Duration { return time.Since(start) }

// most bounds how many complaints one history makes.
const most = 10

// complaints collects errors.
type complaints struct{ list []error }

func (c *complaints) add(format string, args ...any) {
	if len(c.list) < most {
		c.list = append(c.list, fmt.Errorf(format, args...))
	}
}
