package procs

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const tail = " S 1 2 2 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 4 0 1000 100000 300 18446744073709551615"
	want := Usage{User: 2500 * time.Millisecond, System: 1500 * time.Millisecond, RSS: 300 * int64(os.Getpagesize())}
	for _, tt := range []struct {
		name, stat string
		ok         bool
	}{
		{"plain", "42 (nginx)" + tail, true},
		{"a name with spaces and parentheses", "42 (a) b (c) 1 2)" + tail, true},
		{"no name", "42 nginx" + tail, false},
		{"cut short", "42 (nginx) S 1 2", false},
		{"no number", "42 (nginx) S 1 2 2 0 -1 4194560 100 0 0 0 x 150 0 0 20 0 4 0 1000 100000 300 1", false},
		{"empty", "", false},
	} {
		got, err := parseStat([]byte(tt.stat))
		if (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if tt.ok && got != want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (nginx) S 1 2 2 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 4 0 1000 100000 300 1"))
	f.Fuzz(func(_ *testing.T, stat []byte) { _, _ = parseStat(stat) })
}

func TestMembers(t *testing.T) {
	for _, tt := range []struct {
		name, text, leader string
		want               int
	}{
		{"whole", `[{"name":"a","voter":true,"alive":true,"leader":true}]`, "a", 1},
		{"another leads", `[{"name":"a","voter":true,"alive":true,"leader":true}]`, "b", 0},
		{"one is no voter yet", `[{"name":"a","voter":true,"alive":true,"leader":true},{"name":"b","alive":true}]`, "a", 1},
		{"one is gone", `[{"name":"a","voter":true,"alive":true,"leader":true},{"name":"b","voter":true}]`, "a", 1},
		{"none", `[]`, "a", 0},
	} {
		members, err := parseMembers(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := countWhole(members, tt.leader); got != tt.want {
			t.Errorf("%s: %d whole, want %d", tt.name, got, tt.want)
		}
	}
	if _, err := parseMembers("ERR"); err == nil {
		t.Error("an error text passes for members")
	}
}
