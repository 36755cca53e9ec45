package settings

import "testing"

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "1": 1, "1b": 1, "1k": 1000, "1kb": 1024, "2MB": 2 << 20, "3m": 3e6, "1gb": 1 << 30, "1G": 1e9,
		"": -1, "x": -1, "1tb": -1, "-1": -1, "1.5mb": -1, "kb": -1, "99999999999gb": -1,
	} {
		got, ok := ParseBytes(in)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d, want %d", in, got, want)
		}
	}
}

func TestEvents(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "KEA": "AKE", "Kg": "gK", "Eg$lshzxetd": "AE", "xE": "xE", "KEAmn": "AKEmn", "Kq": "!", "A": "A",
	} {
		got, ok := Events(in)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestBufferLimits(t *testing.T) {
	tab := New(nil)
	const name = "client-output-buffer-limit"
	if err := tab.Set([]Pair{{name, "pubsub 1mb 2k 3 replica 5 6 7"}}); err != nil {
		t.Fatal(err)
	}
	if got := tab.Get(name); got != "normal 0 0 0 slave 5 6 7 pubsub 1048576 2000 3" {
		t.Errorf("stored %q", got)
	}
	if got := BufferLimit(tab.Get(name), "pubsub"); got != (Limit{1 << 20, 2000, 3}) {
		t.Errorf("limit %+v", got)
	}
	if got := BufferLimit(tab.Get(name), "other"); got != (Limit{}) {
		t.Errorf("limit of an unknown class %+v", got)
	}
	for _, bad := range []string{"", "pubsub 1", "foo 1 2 3", "pubsub x 2 3"} {
		if err := tab.Set([]Pair{{name, bad}}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Every default obeys its own rule, and every alias leads to a setting.
func TestRules(t *testing.T) {
	for name, r := range rules {
		if got, problem := r.check(r.value, r.value); problem != "" || got != r.value {
			t.Errorf("%s: default %q becomes %q: %s", name, r.value, got, problem)
		}
	}
	for alias, name := range aliases {
		if _, ok := rules[name]; !ok {
			t.Errorf("%s stands for %s, which does not exist", alias, name)
		}
	}
}

func TestSetIsAllOrNothing(t *testing.T) {
	var told []string
	tab := New(func(name, value string) { told = append(told, name+"="+value) })
	if err := tab.Set([]Pair{{"timeout", "5"}, {"loglevel", "loud"}}); err == nil {
		t.Fatal("taken")
	}
	if got := tab.Int("timeout"); got != 0 || told != nil {
		t.Errorf("timeout %d, told %v", got, told)
	}
	if err := tab.Set([]Pair{{"TIMEOUT", "5"}, {"slave-priority", "7"}}); err != nil {
		t.Fatal(err)
	}
	if tab.Int("replica-priority") != 7 || len(told) != 2 {
		t.Errorf("priority %d, told %v", tab.Int("replica-priority"), told)
	}
	if tab.Int("loglevel") != 0 {
		t.Error("a word is no number")
	}
}

func FuzzSet(f *testing.F) {
	f.Add("timeout", "5")
	f.Add("client-output-buffer-limit", "pubsub 1mb 2k 3")
	f.Add("notify-keyspace-events", "KEA")
	f.Fuzz(func(t *testing.T, name, value string) {
		tab := New(nil)
		if tab.Set([]Pair{{name, value}}) != nil {
			return
		}
		stored := tab.Get(name)
		if err := tab.Set([]Pair{{name, stored}}); err != nil {
			t.Fatalf("%s: what %q was stored as, %q, is refused: %v", name, value, stored, err)
		}
	})
}
