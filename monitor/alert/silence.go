package alert

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Silence keeps alerts from being told to people for a while. They are shown all
// the same.
type Silence struct {
	Rule    string    `json:"rule"`              // a name, or * for every rule
	Subject string    `json:"subject,omitempty"` // empty for every subject
	Node    string    `json:"node,omitempty"`    // whose host it is about; empty for every one
	Until   time.Time `json:"until"`
	By      string    `json:"by,omitempty"`
	Why     string    `json:"why,omitempty"`
}

const (
	maxSilence     = 30 * 24 * time.Hour
	maxSilenceText = 300
)

// Check returns what is wrong with a silence that begins now.
func (s Silence) Check(now time.Time) error {
	switch {
	case s.Rule != "*" && !isName(s.Rule):
		return fmt.Errorf("rule %q is not the name of a rule, nor *", s.Rule)
	case !s.Until.After(now):
		return errors.New("until is in the past")
	case s.Until.Sub(now) > maxSilence:
		return fmt.Errorf("until is more than %d days away", maxSilence/(24*time.Hour))
	case len(s.Subject)+len(s.Node)+len(s.By)+len(s.Why) > maxSilenceText:
		return fmt.Errorf("more than %d characters of text", maxSilenceText)
	}
	return nil
}

// ID names the silence: one of the same rule, subject and node takes its place.
func (s Silence) ID() string { return s.Node + "/" + s.Rule + "/" + s.Subject }

// Covers reports whether the silence holds for an alert of a node at time now.
func (s Silence) Covers(a *Alert, node string, now time.Time) bool {
	return now.Before(s.Until) && (s.Rule == "*" || s.Rule == a.Rule) &&
		(s.Subject == "" || s.Subject == a.Subject) && (s.Node == "" || s.Node == node)
}

// Silenced reports whether any of the silences covers an alert.
func Silenced(all []Silence, a *Alert, node string, now time.Time) bool {
	return slices.ContainsFunc(all, func(s Silence) bool { return s.Covers(a, node, now) })
}
