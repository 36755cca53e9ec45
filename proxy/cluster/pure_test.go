package cluster

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pingd/proxy/health"
	"pingd/proxy/limit"
	"pingd/proxy/upstream"
)

func TestCount(t *testing.T) {
	tally := Count([]State{
		{Services: []string{"a", "b"}, Down: map[string][]string{"a": {"x"}, "b": {"x", "y"}}},
		{Services: []string{"a"}, Down: map[string][]string{"a": {"x"}, "b": {"z"}}}, // no vote about b
		{Services: []string{"a"}},
		{Down: map[string][]string{"a": {"x"}}}, // stopped
	})
	for _, c := range []struct {
		service, server string
		want            health.Votes
	}{
		{"a", "x", health.Votes{Others: 3, Down: 2}},
		{"a", "y", health.Votes{Others: 3}},
		{"b", "x", health.Votes{Others: 1, Down: 1}},
		{"b", "z", health.Votes{Others: 1}},
		{"c", "x", health.Votes{}},
	} {
		if got := tally.Votes(c.service, c.server); got != c.want {
			t.Errorf("%s of %s: %+v, want %+v", c.server, c.service, got, c.want)
		}
	}
	if tally.Voters("a") != 3 {
		t.Error(tally.Voters("a"))
	}
}

func TestStateIsBounded(t *testing.T) {
	s := State{Services: []string{"a", "b"}, Down: map[string][]string{}}
	for i := range 900 {
		s.Down["a"] = append(s.Down["a"], fmt.Sprint(i))
		s.Down["b"] = append(s.Down["b"], fmt.Sprint(i))
	}
	got, err := ParseState(s.Encode())
	if n := len(got.Down["a"]) + len(got.Down["b"]); err != nil || n != maxDown {
		t.Errorf("%d servers, %v", n, err)
	}
	if _, err := ParseState("{"); err == nil {
		t.Error("half a state is read")
	}
}

// TestRoll: who is counted, and for how long.
func TestRoll(t *testing.T) {
	r := roll{self: "me"}
	text := func(beat int64, down ...string) string {
		return State{Services: []string{"s"}, Down: map[string][]string{"s": down}, Beat: beat}.Encode()
	}
	voters := func(now time.Duration) int { return Count(r.alive(now)).Voters("s") }
	own := r.read(map[string]string{"me": text(7, "x"), "old": text(1), "junk": "{"}, time.Hour)
	if len(own.Down["s"]) != 1 || voters(time.Hour) != 1 {
		t.Errorf("own %+v, %d voters", own, voters(time.Hour))
	}
	if n := voters(time.Hour + voteLife + 1); n != 0 {
		t.Error("one that does not tell itself any more still votes")
	}
	if own := r.read(map[string]string{"me": text(8, "y"), "old": text(2)}, 2*time.Hour); own.Down != nil || voters(2*time.Hour) != 1 {
		t.Errorf("own state taken for an old one: %+v, %d voters", own, voters(2*time.Hour))
	}
	r.read(map[string]string{"old": text(2)}, 3*time.Hour) // nothing new
	if voters(3*time.Hour) != 0 {
		t.Error("the same state again counts as a sign of life")
	}
	r.read(map[string]string{}, 3*time.Hour)
	if len(r.seen) != 0 {
		t.Error("those that are gone are remembered")
	}
}

func TestKeys(t *testing.T) {
	for _, c := range [][2]string{{"app/servers", "app1"}, {"default", "127.0.0.1:80"}, {"shop.example.org/", "10.0.0.1:80"}, {"s", "a/b"}} {
		rest := strings.TrimPrefix(serverKey(c[0], c[1]), serversPrefix)
		service, server, ok := splitServerKey(rest)
		if !ok || service != c[0] || server != c[1] {
			t.Errorf("%v became %q: %q, %q", c, rest, service, server)
		}
	}
	if _, _, ok := splitServerKey("nothing"); ok {
		t.Error("a key without a service")
	}
}

func TestOverrides(t *testing.T) {
	for _, o := range []upstream.Override{{Drain: true}, {Weighted: true}, {Weighted: true, Weight: 7, Drain: true}, {}} {
		if got, err := parseOverride(encodeOverride(o)); err != nil || got != o {
			t.Errorf("%+v became %+v, %v", o, got, err)
		}
	}
	by, wrong := overrides(map[string]string{"app/a": `{"drain":true}`, "app/b": `{"weight":3}`, "app/c": `{"weight":257}`, "app/d": "x", "e": `{}`})
	want := map[string]map[string]upstream.Override{"app": {"a": {Drain: true}, "b": {Weighted: true, Weight: 3}}}
	if !reflect.DeepEqual(by, want) || len(wrong) != 3 {
		t.Errorf("%+v, wrong %v", by, wrong)
	}
	for key, err := range wrong {
		if !strings.HasPrefix(key, serversPrefix) || !errors.Is(err, ErrOverride) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestUses(t *testing.T) {
	uses := []limit.Use{{Client: 1<<63 + 5, Count: 1<<32 - 1}, {Client: 0, Count: 1}}
	number, got, err := parseUses(encodeUses(-42, uses))
	if err != nil || number != -42 || !reflect.DeepEqual(got, uses) {
		t.Errorf("%d %v %v", number, got, err)
	}
	if _, got, err := parseUses(encodeUses(0, nil)); err != nil || got != nil {
		t.Error(got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encodeUses(5, []limit.Use{{Client: 9, Count: 3}}))
	f.Add(State{Services: []string{"a"}, Down: map[string][]string{"a": {"b"}}}.Encode())
	f.Add(encodeOverride(upstream.Override{Weighted: true, Weight: 3}))
	f.Fuzz(func(t *testing.T, text string) {
		if _, uses, err := parseUses(text); err == nil && len(uses) > limit.Reported {
			t.Fatal("a report without bound")
		}
		if s, err := ParseState(text); err == nil {
			Count([]State{s})
		}
		if o, err := parseOverride(text); err == nil && (o.Weight < 0 || o.Weight > 256) {
			t.Fatalf("%+v", o)
		}
	})
}
