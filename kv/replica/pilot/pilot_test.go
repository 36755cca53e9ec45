package pilot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// parse reads members from text: "1* 2 3! 4? 5~ 6l 7l!": the leader, alive, dead
// for good, silent for a while, far behind, a learner, a dead learner.
func parse(text string) []Member {
	var list []Member
	for i, word := range strings.Fields(text) {
		m := Member{Name: word[:1], Voter: !strings.Contains(word, "l"), Self: strings.Contains(word, "*")}
		switch {
		case strings.Contains(word, "!"):
			m.Silent = time.Hour + time.Duration(i)
		case strings.Contains(word, "?"):
			m.Silent = time.Minute
		case strings.Contains(word, "~"):
			m.Behind = 5000
		}
		list = append(list, m)
	}
	return list
}

var rules = Rules{After: time.Hour, Voters: 3, Behind: 1000}

func TestChoose(t *testing.T) {
	// The dead of parse are silent for an hour and a bit, but not the first.
	for _, c := range []struct{ members, want, why string }{
		{"1* 2 3", "", "all are well"},
		{"1* 2 3!", "", "three must remain"},
		{"1* 2 3! 4", "3", "another has taken its place"},
		{"1* 2 3! 4l", "", "the other has no vote yet"},
		{"1* 2 3! 4?", "", "another one does not answer"},
		{"1* 2 3! 4~", "", "another one has not caught up"},
		{"1* 2 3 4! 5!", "5", "two of five leave one by one: the longer one first"},
		{"1* 2 3 4!", "4", "and then the other"},
		{"1* 2 3 4 5 6! 7!", "7", ""},
		{"1* 2 3! 4! 5!", "", "those who remain would be no majority"},
		{"1* 2! 3! 4l 5l", "", "learners make no majority"},
		{"1* 2 3 4l!", "4", "a dead learner costs nobody a vote"},
		{"1* 2 3! 4l!", "4", "nor when a voter must stay"},
		{"1* 2? 3 4l!", "", "not while somebody is not well"},
		{"1*", "", ""},
		{"", "", ""},
	} {
		got, ok := Choose(parse(c.members), rules)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q: %s", c.members, got, c.want, c.why)
		}
	}
	if got, ok := Choose(parse("1* 2 3! 4"), Rules{Voters: 3}); ok {
		t.Errorf("switched off, it removes %s", got)
	}
}

// Whatever the cluster looks like: removing one after the other ends, keeps the
// leader, and never leaves a cluster that cannot commit.
func TestRemovingNeverCostsTheMajority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var members []Member
		for i := range rapid.IntRange(1, 9).Draw(t, "members") {
			members = append(members, Member{
				Name: fmt.Sprint(i), Self: i == 0, Voter: i == 0 || rapid.Bool().Draw(t, "voter"),
				Silent: rapid.SampledFrom([]time.Duration{0, 0, 0, time.Minute, 2 * time.Hour}).Draw(t, "silent"),
				Behind: rapid.SampledFrom([]uint64{0, 0, 0, 5000}).Draw(t, "behind"),
			})
		}
		members[0].Silent = 0
		for range len(members) + 1 {
			name, ok := Choose(members, rules)
			if !ok {
				return
			}
			var rest []Member
			voters, alive, wasVoter := 0, 0, false
			for _, m := range members {
				if m.Name == name {
					if m.Self || m.Silent <= rules.After {
						t.Fatalf("removes %+v", m)
					}
					wasVoter = m.Voter
					continue
				}
				rest = append(rest, m)
				if m.Voter {
					voters++
					if m.Silent == 0 {
						alive++
					}
				}
			}
			if wasVoter && (voters < rules.Voters || alive < voters/2+1) {
				t.Fatalf("removing %s of %+v leaves %d voters, %d alive", name, members, voters, alive)
			}
			members = rest
		}
		t.Fatal("it never ends")
	})
}
