package sentinel

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What happens to a cluster, and what subscribers hear of it, in this order.
func TestEventsOfScenarios(t *testing.T) {
	idB, idC := sentinelID("b"), sentinelID("c")
	for _, tc := range []struct {
		name  string
		steps []View
		want  string // events of each step; steps are separated by an empty line
	}{
		{"first sight", []View{three()}, `
+monitor master m 10.0.0.1 6379 quorum 2
+slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379
+slave slave host-c:6380 host-c 6380 @ m 10.0.0.1 6379
+sentinel sentinel ` + idB + ` 10.0.0.2 26379 @ m 10.0.0.1 6379
+sentinel sentinel ` + idC + ` host-c 26380 @ m 10.0.0.1 6379`},

		{"no leader yet", []View{{Term: 1, Nodes: three().Nodes}}, ""},

		{"leader killed, then elected, then back", []View{
			three(), dies(three(), "a"), leads(dies(three(), "a"), "b"), leads(three(), "b"),
		}, `
+sdown master m 10.0.0.1 6379
+odown master m 10.0.0.1 6379 #quorum 2/2

+new-epoch 4
+elected-leader master m 10.0.0.1 6379
+promoted-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379
+role-change slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379 new reported role is master
+switch-master m 10.0.0.1 6379 10.0.0.2 6379
+slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379
+slave slave host-c:6380 host-c 6380 @ m 10.0.0.2 6379
+failover-end master m 10.0.0.2 6379
+sdown slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379

-sdown slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379`},

		{"leader killed, seen only after the election", []View{three(), leads(dies(three(), "a"), "c")}, `
+sdown master m 10.0.0.1 6379
+odown master m 10.0.0.1 6379 #quorum 2/2
+new-epoch 4
+elected-leader master m 10.0.0.1 6379
+promoted-slave slave host-c:6380 host-c 6380 @ m 10.0.0.1 6379
+role-change slave host-c:6380 host-c 6380 @ m 10.0.0.1 6379 new reported role is master
+switch-master m 10.0.0.1 6379 host-c 6380
+slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m host-c 6380
+slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m host-c 6380
+failover-end master m host-c 6380
+sdown slave 10.0.0.1:6379 10.0.0.1 6379 @ m host-c 6380`},

		{"leadership handed over", []View{three(), leads(three(), "b")}, `
+new-epoch 4
+elected-leader master m 10.0.0.1 6379
+promoted-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379
+role-change slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379 new reported role is master
+switch-master m 10.0.0.1 6379 10.0.0.2 6379
+slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379
+slave slave host-c:6380 host-c 6380 @ m 10.0.0.2 6379
+convert-to-slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379
+failover-end master m 10.0.0.2 6379`},

		{"handed over with a moment without leader", []View{
			three(), with(three(), func(v *View) { v.Leader = "" }), leads(three(), "b"),
		}, `
+sdown master m 10.0.0.1 6379
+odown master m 10.0.0.1 6379 #quorum 2/2

+new-epoch 4
+elected-leader master m 10.0.0.1 6379
+promoted-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379
+role-change slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379 new reported role is master
+switch-master m 10.0.0.1 6379 10.0.0.2 6379
+slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379
+slave slave host-c:6380 host-c 6380 @ m 10.0.0.2 6379
+convert-to-slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379
+failover-end master m 10.0.0.2 6379
-sdown slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379`},

		{"the same leader is elected again", []View{
			three(), with(three(), func(v *View) { v.Leader = "" }), leads(three(), "a"),
		}, `
+sdown master m 10.0.0.1 6379
+odown master m 10.0.0.1 6379 #quorum 2/2

+new-epoch 4
-sdown master m 10.0.0.1 6379
-odown master m 10.0.0.1 6379`},

		{"a replica dies and comes back", []View{three(), dies(three(), "c"), three()}, `
+sdown slave host-c:6380 host-c 6380 @ m 10.0.0.1 6379
+sdown sentinel ` + idC + ` host-c 26380 @ m 10.0.0.1 6379

-sdown slave host-c:6380 host-c 6380 @ m 10.0.0.1 6379
-sdown sentinel ` + idC + ` host-c 26380 @ m 10.0.0.1 6379`},

		{"a node joins, then leaves", []View{
			three(),
			with(three(), func(v *View) {
				v.Nodes = append(v.Nodes, Node{Name: "d", Host: "d", RedisPort: 1, SentinelPort: 2, Alive: true})
			}),
			three(),
		}, `
+slave slave d:1 d 1 @ m 10.0.0.1 6379
+sentinel sentinel ` + sentinelID("d") + ` d 2 @ m 10.0.0.1 6379

+reset-master master m 10.0.0.1 6379`},

		{"the leader moves to another address", []View{
			three(), with(three(), func(v *View) { v.Nodes[0].Host = "10.0.0.9" }),
		}, `
+sdown master m 10.0.0.1 6379
+odown master m 10.0.0.1 6379 #quorum 2/2
+elected-leader master m 10.0.0.1 6379
+promoted-slave slave 10.0.0.9:6379 10.0.0.9 6379 @ m 10.0.0.1 6379
+role-change slave 10.0.0.9:6379 10.0.0.9 6379 @ m 10.0.0.1 6379 new reported role is master
+switch-master m 10.0.0.1 6379 10.0.0.9 6379
+slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.9 6379
+slave slave host-c:6380 host-c 6380 @ m 10.0.0.9 6379
+failover-end master m 10.0.0.9 6379`},

		{"a replica restarts between two looks", []View{
			with(three(), func(v *View) { v.Nodes[1].RunID = strings.Repeat("1", 40) }),
			with(three(), func(v *View) { v.Nodes[1].RunID = strings.Repeat("2", 40) }),
		}, `
+reboot slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379`},

		// A probe has answered shortly before the kill: until the next one is due, the
		// store takes the node for alive.
		{"leader killed between two probes, then back", []View{
			three(), heard(leads(three(), "b"), 0, 200*time.Millisecond), heard(leads(three(), "b"), 0, 1200*time.Millisecond),
			heard(leads(three(), "b"), 0, 100*time.Millisecond),
		}, `
+sdown master m 10.0.0.1 6379
+odown master m 10.0.0.1 6379 #quorum 2/2
+new-epoch 4
+elected-leader master m 10.0.0.1 6379
+promoted-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379
+role-change slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379 new reported role is master
+switch-master m 10.0.0.1 6379 10.0.0.2 6379
+slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379
+slave slave host-c:6380 host-c 6380 @ m 10.0.0.2 6379
+failover-end master m 10.0.0.2 6379
+sdown slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379



-sdown slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379
-sdown sentinel ` + sentinelID("a") + ` 10.0.0.1 26379 @ m 10.0.0.2 6379`},

		{"nothing", []View{three(), three()}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s state
			var got []string
			for i, v := range tc.steps {
				var events []Event
				s, events = next(s, v, time.Unix(int64(i), 0), "m")
				if i == 0 && len(tc.steps) > 1 {
					continue // always the same
				}
				var lines []string
				for _, e := range events {
					lines = append(lines, e.Channel+" "+e.Text)
				}
				got = append(got, strings.Join(lines, "\n"))
			}
			if text := strings.Join(got, "\n\n"); strings.TrimSpace(text) != strings.TrimSpace(tc.want) {
				t.Errorf("got:\n%s\nwant:\n%s", text, tc.want)
			}
		})
	}
}

// The former leader is no healthy replica until it has been heard of again; whoever
// asks it, or sees it lead, knows that it lives.
func TestFormerLeaderIsSuspect(t *testing.T) {
	since := time.Unix(10, 0)
	for _, c := range []struct {
		name    string
		at      time.Time     // of the view
		contact time.Duration // before it
		change  func(*View)
		alive   bool
	}{
		{"heard of before it lost the lead", since.Add(time.Second), 1001 * time.Millisecond, nil, false},
		{"heard of since", since.Add(time.Second), 999 * time.Millisecond, nil, true},
		{"an old view tells no more when it is read again", since.Add(-time.Millisecond), 0, nil, false},
		{"the endpoint is its own", since, time.Second, func(v *View) { v.Self = "a" }, true},
		{"it leads again", since, time.Second, func(v *View) { v.Leader = "a" }, true},
		{"dead all the same", since.Add(time.Second), 0, func(v *View) { v.Nodes[0].Alive = false }, false},
	} {
		s, _ := next(state{}, three(), time.Unix(0, 0), "m")
		s, _ = next(s, heard(leads(three(), "b"), 0, time.Second), since, "m")
		if n, _ := s.view.node("a"); n.Alive {
			t.Fatal("no suspect")
		}
		v := heard(leads(three(), "b"), 0, c.contact)
		v.At = c.at
		if c.change != nil {
			c.change(&v)
		}
		s, _ = next(s, v, since.Add(5*time.Second), "m")
		if n, _ := s.view.node("a"); n.Alive != c.alive {
			t.Errorf("%s: alive %t, want %t", c.name, n.Alive, c.alive)
		}
	}
}

// next must not change what it was given: readers use the state before.
func TestNextKeepsItsInput(t *testing.T) {
	v := three()
	slices.Reverse(v.Nodes)
	s, _ := next(state{}, v, time.Unix(0, 0), "m")
	if v.Nodes[0].Name != "c" {
		t.Error("the view's nodes were sorted in place")
	}
	before := len(s.downSince)
	next(s, dies(v, "b"), time.Unix(1, 0), "m")
	if len(s.downSince) != before || s.down {
		t.Error("the earlier state was changed")
	}
}

func TestDownTimes(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	s, _ := next(state{}, three(), at(0), "m")
	s, _ = next(s, dies(three(), "b"), at(10), "m")
	s, _ = next(s, dies(three(), "b"), at(12), "m")
	if got := s.downFor("b", at(15)); got != 5*time.Second {
		t.Errorf("down for %v", got)
	}
	for _, f := range s.replicaFields(s.view.Nodes[1], defaultSettings(), at(15)) {
		switch {
		case f.name == "s-down-time" && f.value != "5000",
			f.name == "flags" && f.value != "s_down,slave,disconnected",
			f.name == "master-link-status" && f.value != "err":
			t.Errorf("%s is %s", f.name, f.value)
		}
	}
	s, _ = next(s, three(), at(20), "m")
	for _, f := range s.replicaFields(s.view.Nodes[1], defaultSettings(), at(21)) {
		if f.name == "s-down-time" || f.name == "flags" && f.value != "slave" {
			t.Errorf("a healthy replica has %s %s", f.name, f.value)
		}
	}
}

// A node whose connection has just ended is not down yet, but libraries are told not
// to connect to it.
func TestFlagsOfNodesCutOff(t *testing.T) {
	v := with(three(), func(v *View) {
		for i := range v.Nodes {
			v.Nodes[i].Cut = true
		}
	})
	s, events := next(state{}, three(), time.Unix(0, 0), "m")
	s, more := next(s, v, time.Unix(0, 0), "m")
	if len(events) == 0 || len(more) != 0 {
		t.Errorf("events %v", more)
	}
	set, now := defaultSettings(), time.Unix(0, 0)
	for want, fields := range map[string][]field{
		"master,disconnected":   s.masterFields("m", set, now),
		"slave,disconnected":    s.replicaFields(s.view.Nodes[1], set, now),
		"sentinel,disconnected": s.sentinelFields(s.view.Nodes[1], set, now),
	} {
		for _, f := range fields {
			if f.name == "flags" && f.value != want || f.name == "s-down-time" {
				t.Errorf("%s %s, want %s", f.name, f.value, want)
			}
		}
	}
}

func TestPriorityOfNodesWithoutVote(t *testing.T) {
	v := with(three(), func(v *View) { v.Nodes[2].Voter = false })
	s, _ := next(state{}, v, time.Unix(0, 0), "m")
	for _, n := range s.replicas() {
		want := map[bool]string{true: "100", false: "0"}[n.Voter]
		for _, f := range s.replicaFields(n, defaultSettings(), time.Unix(0, 0)) {
			if f.name == "slave-priority" && f.value != want {
				t.Errorf("%s: priority %s, want %s", n.Name, f.value, want)
			}
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "+switch-master", true},
		{"switch-master", "+switch-master", false},
		{"[-+]sdown", "+sdown", true},
		{"[-+]sdown", "-sdown", true},
		{"[-+]sdown", "xsdown", false},
		{"[^-]sdown", "+sdown", true},
		{"[^-]sdown", "-sdown", false},
		{"[a-c]x", "bx", true},
		{"[c-a]x", "bx", true},
		{"[a", "a", true},
		{"[", "[", false},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`a\`, `a\`, true},
		{`[\]]`, "]", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*a*b", "xxaxxb", true},
		{"*a*b", "xxaxx", false},
		{"+*-master", "+switch-master", true},
		{"a**", "a", true},
	} {
		if got := globMatch(tc.pattern, tc.s); got != tc.want {
			t.Errorf("%q against %q: %v", tc.pattern, tc.s, got)
		}
	}
	// Cost is bounded: exponential matchers do not return from this.
	if globMatch(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 1000)) {
		t.Error("matched")
	}
}

func FuzzGlob(f *testing.F) {
	for _, p := range []string{"*", "[-+]sdown", `\`, "[^", "[a-", "a*[b-c]?"} {
		f.Add(p, "+sdown")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		globMatch(pattern, s)
		if !globMatch("*"+pattern, s) && globMatch(pattern, s) {
			t.Errorf("%q matches %q, but not with a star before it", pattern, s)
		}
	})
}

// A former leader that was heard of is well, also while nobody leads: it is not taken
// for dead anew each time somebody looks.
func TestFormerLeaderIsSuspectOnce(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	s, _ := next(state{}, heard(three(), 0, 0), at(0), "m")
	nobody := leads(three(), "")
	s, _ = next(s, heard(nobody, 0, time.Second), at(10), "m")
	if n, _ := s.view.node("a"); n.Alive {
		t.Fatal("no suspect")
	}
	s, _ = next(s, heard(nobody, 0, 0), at(11), "m")
	for second := int64(12); second < 15; second++ {
		var events []Event
		s, events = next(s, heard(nobody, 0, time.Second), at(second), "m")
		if n, _ := s.view.node("a"); !n.Alive || len(events) > 0 {
			t.Errorf("second %d: alive %t, events %v", second, n.Alive, events)
		}
	}
	s, _ = next(s, heard(leads(three(), "a"), 0, 0), at(20), "m")
	s, _ = next(s, heard(nobody, 0, time.Second), at(21), "m")
	if n, _ := s.view.node("a"); n.Alive {
		t.Error("no suspect when it lost the lead again")
	}
}
