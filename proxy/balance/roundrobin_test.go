package balance

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func any1(string) bool { return true }

func order(r *RoundRobin[string], n int) string {
	var b strings.Builder
	for range n {
		s, _ := r.Pick(0, any1)
		b.WriteString(s)
	}
	return b.String()
}

func TestSmooth(t *testing.T) {
	var r RoundRobin[string]
	if _, ok := r.Pick(0, any1); ok {
		t.Error("picked from nothing")
	}
	r.Set("a", 5)
	r.Set("b", 1)
	r.Set("c", 1)
	if got := order(&r, 14); got != "aabacaaaabacaa" {
		t.Errorf("got %s", got)
	}
}

func TestWeightZeroAndUnusable(t *testing.T) {
	var r RoundRobin[string]
	r.Set("a", 0)
	r.Set("b", 1)
	r.Set("c", 1)
	if got := order(&r, 4); strings.Contains(got, "a") {
		t.Errorf("got %s", got)
	}
	for range 5 {
		if s, ok := r.Pick(0, func(s string) bool { return s == "c" }); s != "c" || !ok {
			t.Errorf("picked %q %v", s, ok)
		}
	}
	if _, ok := r.Pick(0, func(string) bool { return false }); ok {
		t.Error("picked an unusable one")
	}
	r.Set("a", 2)
	r.Remove("b")
	r.Remove("nobody")
	if got := order(&r, 300); r.Len() != 2 || strings.Count(got, "a") != 200 {
		t.Errorf("a got %d of 300", strings.Count(got, "a"))
	}
}

// TestFair: whatever the weights and changes before, over one whole round each
// member gets exactly its weight.
func TestFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r RoundRobin[int]
		n := rapid.IntRange(1, 8).Draw(t, "n")
		weights := make([]int, n)
		total := 0
		for i := range weights {
			weights[i] = rapid.IntRange(1, 20).Draw(t, "weight")
			total += weights[i]
			r.Set(i, weights[i])
		}
		r.Set(n, 7)
		r.Pick(0, func(int) bool { return true })
		r.Remove(n)
		got := make([]int, n)
		for range total {
			i, _ := r.Pick(0, func(int) bool { return true })
			got[i]++
		}
		for i := range got {
			if got[i] != weights[i] {
				t.Fatalf("weights %v got %v", weights, got)
			}
		}
	})
}
