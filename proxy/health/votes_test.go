package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestVotes(t *testing.T) {
	for _, c := range []struct {
		name         string
		own          State
		others, down int
		want         State
	}{
		{"alone, up", Up, 0, 0, Up},
		{"alone, down", Down, 0, 0, Down},
		{"alone, refusing", Refusing, 0, 0, Refusing},
		{"alone, new", New, 0, 0, New},
		{"one of two is no majority", Down, 1, 0, Refusing},
		{"both of two", Down, 1, 1, Down},
		{"the other of two", Up, 1, 1, Up},
		{"one of three, this one", Down, 2, 0, Refusing},
		{"one of three, another", Up, 2, 1, Up},
		{"two of three, with this one", Down, 2, 1, Down},
		{"two of three, without this one", Up, 2, 2, Down},
		{"two of three against a refused one", Refusing, 2, 2, Down},
		{"two of four", Down, 3, 1, Refusing},
		{"three of four", Down, 3, 2, Down},
		{"new while the rest says down", New, 2, 2, New},
		{"new while the rest says up", New, 2, 0, New},
	} {
		if got := (Votes{c.others, c.down}).Decide(c.own); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestOneVoteEvictsNobody: with several proxies none can take a server out of
// reach alone, and all that hold the same votes agree on what is down.
func TestOneVoteEvictsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "proxies")
		own := make([]State, n)
		down := 0
		for i := range own {
			own[i] = rapid.SampledFrom([]State{Up, Refusing, Down}).Draw(t, "own")
			if own[i] == Down {
				down++
			}
		}
		for i := range own {
			v := Votes{Others: n - 1, Down: down}
			if own[i] == Down {
				v.Down--
			}
			got := v.Decide(own[i])
			if (got == Down) != (2*down > n) {
				t.Fatalf("%v: %d decides %v", own, i, got)
			}
			if down <= 1 && got == Down {
				t.Fatalf("%v: one vote took the server down", own)
			}
		}
	})
}

func TestRamp(t *testing.T) {
	for _, c := range []struct {
		weight int
		up     time.Duration
		want   int
	}{
		{1, 0, 1},
		{1, -time.Second, 1},
		{1, time.Second, 10},
		{1, 5 * time.Second, 50},
		{1, 10 * time.Second, 100},
		{1, time.Hour, 100},
		{256, 5 * time.Second, 12800},
		{256, 0, 1},
		{0, 0, 0},
		{0, time.Hour, 0},
	} {
		if got := Ramp(c.weight, c.up, 10*time.Second); got != c.want {
			t.Errorf("weight %d, up for %v: %d, want %d", c.weight, c.up, got, c.want)
		}
	}
	if Ramp(3, 0, 0) != 300 {
		t.Error("without a slow start it is not whole at once")
	}
}
