// Package pilot decides which member that is dead for good leaves the cluster. It
// is pure: what the leader sees goes in, a name comes out.
package pilot

import "time"

// Member is a member as the leader sees it.
type Member struct {
	Name   string
	Voter  bool
	Self   bool          // the leader itself
	Silent time.Duration // since when it has not answered; 0 = it does
	Behind uint64        // entries that it has not applied
}

// Rules say when somebody is dead for good.
type Rules struct {
	After  time.Duration // silent for longer than that; 0 = never
	Voters int           // so many must remain
	Behind uint64        // entries that a member which is well may be behind
}

// Choose returns one member to remove. A voter is removed only while the cluster is
// well without it: everybody else answers and has caught up, or is dead for good
// too; those who remain have a majority among themselves; and at least Rules.Voters
// remain. So two dead of five leave one after the other, and the third member of a
// cluster of three never does before another one has taken its place.
func Choose(members []Member, r Rules) (name string, ok bool) {
	if r.After <= 0 {
		return "", false
	}
	voters, alive := 0, 0
	var voter, learner *Member
	for i := range members {
		m := &members[i]
		dead := !m.Self && m.Silent > r.After
		switch {
		case dead && !m.Voter:
			learner = longest(learner, m)
		case dead:
			voters++
			voter = longest(voter, m)
		case !m.Voter:
			// It has no vote to lose.
		case m.Silent > 0 || m.Behind > r.Behind:
			return "", false // not well: nothing is changed now
		default:
			voters++
			alive++
		}
	}
	left := voters - 1
	if voter != nil && left >= max(1, r.Voters) && alive >= left/2+1 {
		return voter.Name, true
	}
	if learner != nil {
		return learner.Name, true
	}
	return "", false
}

// longest returns who has been silent for longer.
func longest(a, b *Member) *Member {
	if a == nil || b.Silent > a.Silent {
		return b
	}
	return a
}
