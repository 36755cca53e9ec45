package monitor

import (
	"fmt"
	"strings"
)

// Verdict sums a cluster up in one word, "OK", "DEGRADED" or "DOWN", and says why.
func Verdict(c ClusterState) (word, why string) {
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
		if n := &c.Nodes[i]; !n.Alive {
			dead = append(dead, "node "+n.Name)
		}
	}
	up, down := backendCount(c)
	switch {
	case c.Time.IsZero():
		return "UNKNOWN", "not heard of it yet"
	case len(c.Stores) > 0 && c.Leader == "":
		return "DOWN", fmt.Sprintf("no leader, %d of %d stores alive", alive, voters)
	case up == 0 && down > 0:
		return "DOWN", fmt.Sprintf("no backend is up, %d are down", down)
	case len(dead) > 0:
		return "DEGRADED", strings.Join(dead, ", ") + " dead"
	case down > 0:
		return "DEGRADED", fmt.Sprintf("%d of %d backends down", down, up+down)
	case len(c.Stores) == 0:
		return "OK", fmt.Sprintf("%d nodes", len(c.Nodes))
	}
	return "OK", fmt.Sprintf("leader %s, term %d, %d of %d stores", c.Leader, c.Term, alive, len(c.Stores))
}

// backendCount counts each backend once; it is up if any live proxy says so.
func backendCount(c ClusterState) (up, down int) {
	state := map[string]bool{}
	for i := range c.Proxies {
		if !c.Proxies[i].Alive {
			continue
		}
		for j := range c.Proxies[i].Backends {
			b := &c.Proxies[i].Backends[j]
			state[b.Name] = state[b.Name] || b.State != "DOWN"
		}
	}
	for _, ok := range state {
		if ok {
			up++
		} else {
			down++
		}
	}
	return up, down
}
