package health

// Votes is what the proxies of a cluster think of one server. The zero value is
// a proxy alone.
type Votes struct {
	// Others is how many other proxies check the server, Down how many of these
	// have found it down.
	Others, Down int
}

// Decide returns the state to act by, from this proxy's own opinion and the
// others'.
//
// A server is down when a majority of the proxies that check it say so, this one
// included. One that is down for this proxy alone is treated as Refusing: it gets
// nothing as long as there is another, but a proxy whose own link is bad must not
// turn away everybody. One that is down for the majority is down here too, however
// well this proxy reaches it: what it knows is old, or its road is not that of the
// rest.
func (v Votes) Decide(own State) State {
	down := v.Down
	if own == Down {
		down++
	}
	switch {
	case 2*down > v.Others+1:
		if own == New {
			return New // as good as down, and what it waits for is the first check
		}
		return Down
	case own == Down:
		return Refusing
	}
	return own
}
