package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRemember(t *testing.T) {
	old := Remember(State{}, healthy(0), t0)
	next := healthy(1)
	next.Stores = slices.Delete(next.Stores, 1, 2)
	next.Stores[1].Applied, next.Leader = 90, ""
	got := Remember(old, next, t0.Add(time.Second))
	if len(got.Stores) != 3 || got.Stores[1].Name != "s2" || got.Stores[1].Alive || !got.Stores[1].LastSeen.Equal(t0) {
		t.Errorf("a vanished store stays as dead: %+v", got.Stores)
	}
	if got.Stores[2].Lag != 10 {
		t.Errorf("lag %d, want 10", got.Stores[2].Lag)
	}
	if !got.LeaderLost.Equal(next.Time) {
		t.Errorf("leader lost at %v", got.LeaderLost)
	}
	if later := Remember(got, next, t0.Add(2*time.Second)); !later.LeaderLost.Equal(next.Time) {
		t.Errorf("leader lost again at %v", later.LeaderLost)
	}
	if !old.Stores[1].Alive {
		t.Error("the old state was changed")
	}
	if got.Stores[1].Alive || got.left("s2") {
		t.Error("a store that is still a member has not left")
	}
	gone := Remember(got, next, t0.Add(25*time.Hour))
	if len(gone.Stores) != 2 {
		t.Errorf("a store dead for a day is forgotten: %+v", gone.Stores)
	}
}

func TestFarewell(t *testing.T) {
	seen := Remember(State{}, healthy(0), t0)
	next := healthy(1)
	next.Nodes = next.Nodes[:2]
	stopped := Remember(seen, next, t0.Add(time.Second))
	if n := stopped.Nodes[2]; n.Alive || n.Left.IsZero() {
		t.Errorf("its announcement ended right after its last answer: it was stopped; got %+v", n)
	}
	if v := Judge(stopped); v.Word != OK {
		t.Errorf("verdict %v: who took leave is not missed", v)
	}
	if later := Remember(stopped, next, t0.Add(goneServer+2*time.Second)); len(later.Nodes) != 2 {
		t.Errorf("it stays on the map for ever: %+v", later.Nodes)
	}

	failing := healthy(1)
	failing.Nodes[2].Alive, failing.Nodes[2].Error = false, "connection refused"
	died := Remember(seen, failing, t0.Add(time.Second))
	died = Remember(died, next, t0.Add(10*time.Second)) // now the announcement has ended, too
	if n := died.Nodes[2]; n.Alive || !n.Left.IsZero() {
		t.Errorf("it was found dead before its announcement ended; got %+v", n)
	}
	if v := Judge(died); v.Word != Degraded || !strings.Contains(v.Why, "node h3") {
		t.Errorf("verdict %v", v)
	}
	back := Remember(stopped, healthy(20), t0.Add(20*time.Second))
	if n := back.Nodes[2]; !n.Alive || !n.Left.IsZero() {
		t.Errorf("back again: %+v", n)
	}
}

func TestRemovedStoreLeavesTheMap(t *testing.T) {
	old := Remember(State{}, healthy(0), t0)
	next := healthy(1)
	next.Stores, next.Members = next.Stores[:2], []string{"s1", "s2"}
	got := Remember(old, next, t0.Add(time.Second))
	if len(got.Stores) != 2 {
		t.Errorf("stores %+v", got.Stores)
	}
	next.Members = append(next.Members, "s3")
	if got = Remember(old, next, t0.Add(time.Second)); len(got.Stores) != 3 || got.Stores[2].Alive {
		t.Errorf("a member that does not answer is dead, not gone: %+v", got.Stores)
	}
}

// TestRememberChangesNothing holds that the old state stays as it is, whatever comes.
func TestRememberChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) State {
			s := healthy(rapid.IntRange(0, 100).Draw(t, label))
			for i := range s.Nodes {
				s.Nodes[i].Alive = rapid.Bool().Draw(t, "alive")
			}
			s.Nodes = s.Nodes[:rapid.IntRange(0, len(s.Nodes)).Draw(t, "nodes")]
			s.Stores = s.Stores[:rapid.IntRange(0, len(s.Stores)).Draw(t, "stores")]
			s.Proxies[0].Backends = s.Proxies[0].Backends[:rapid.IntRange(0, 2).Draw(t, "backends")]
			if rapid.Bool().Draw(t, "no leader") {
				s.Leader = ""
			}
			return s
		}
		a, b := draw("a"), draw("b")
		old := Remember(State{}, a, t0)
		before := fmt.Sprintf("%+v", old)
		next := Remember(old, b, t0.Add(time.Second))
		Events(old, next)
		Judge(next)
		if after := fmt.Sprintf("%+v", old); after != before {
			t.Fatalf("the old state changed\n from %s\n to   %s", before, after)
		}
		if len(next.Nodes) < max(len(old.Nodes), len(b.Nodes))-3 || len(next.Nodes) > 3 {
			t.Fatalf("nodes %+v", next.Nodes)
		}
	})
}
