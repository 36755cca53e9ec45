package cluster

import (
	"fmt"
	"strings"
)

// Word is a verdict in one word.
type Word string

// The verdicts, from good to bad.
const (
	Unknown  Word = "UNKNOWN"  // nothing was heard yet
	OK       Word = "OK"       // all is well
	Degraded Word = "DEGRADED" // all is served, and something is broken
	Down     Word = "DOWN"     // something is not served
)

// Verdict sums a cluster up in one word and says why.
type Verdict struct {
	Word Word   `json:"word"`
	Why  string `json:"why"` // plain text, with names in it
}

// Judge gives the verdict on c.
func Judge(c State) Verdict {
	alive, voters := 0, 0
	var dead []string
	for i := range c.Stores {
		s := &c.Stores[i]
		if s.Voter || !s.Alive {
			voters++
		}
		if s.Alive {
			alive++
		} else {
			dead = append(dead, "store "+s.Name)
		}
	}
	for i := range c.Nodes {
		if n := &c.Nodes[i]; !n.Alive && n.Left.IsZero() && byName(c.Stores, n.Name, func(s *Store) string { return s.Name }) == nil {
			dead = append(dead, "node "+n.Name)
		}
	}
	up, down := c.backends()
	switch {
	case c.Time.IsZero():
		return Verdict{Unknown, "not heard of it yet"}
	case len(c.Stores) > 0 && c.Leader == "":
		return Verdict{Down, fmt.Sprintf("no leader, %d of %d stores alive", alive, voters)}
	case up == 0 && len(down) > 0:
		return Verdict{Down, fmt.Sprintf("no backend is up, %d are down", len(down))}
	case len(dead) > 0:
		return Verdict{Degraded, c.lead() + listed(dead) + " dead"}
	case len(down) > 0:
		return Verdict{Degraded, c.lead() + fmt.Sprintf("%d of %d backends down: %s", len(down), up+len(down), listed(down))}
	case len(c.Stores) == 0:
		return Verdict{OK, fmt.Sprintf("%d nodes", len(c.Nodes))}
	}
	why := c.lead() + fmt.Sprintf("%d of %d stores", alive, len(c.Stores))
	if up > 0 {
		why += fmt.Sprintf(", %d of %d backends", up, up)
	}
	return Verdict{OK, why}
}

// lead names the leader, with what follows after a comma.
func (s *State) lead() string {
	if s.Leader == "" {
		return ""
	}
	return fmt.Sprintf("leader %s, term %d, ", s.Leader, s.Term)
}

// listed writes the first few of names.
func listed(names []string) string {
	const most = 4
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// backends counts each backend once and names those that are down; a backend is up
// if any live proxy says so.
func (s *State) backends() (up int, down []string) {
	state := map[string]bool{}
	var names []string
	for i := range s.Proxies {
		if !s.Proxies[i].Alive {
			continue
		}
		for j := range s.Proxies[i].Backends {
			b := &s.Proxies[i].Backends[j]
			if _, ok := state[b.Name]; !ok {
				names = append(names, b.Name)
			}
			state[b.Name] = state[b.Name] || b.State != "DOWN"
		}
	}
	for _, n := range names {
		if state[n] {
			up++
		} else {
			down = append(down, n)
		}
	}
	return up, down
}
