package view

import (
	"regexp"
	"testing"
)

func TestRunID(t *testing.T) {
	if id := RunID("s1", 0); id != "" {
		t.Errorf("of a node that has not answered: %q", id)
	}
	seen := map[string]bool{}
	for _, name := range []string{"s1", "s2"} {
		for _, incarnation := range []uint64{1, 2, 1 << 63} {
			id := RunID(name, incarnation)
			if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(id) || seen[id] || id != RunID(name, incarnation) {
				t.Errorf("%s %d: %q", name, incarnation, id)
			}
			seen[id] = true
		}
	}
}
