package cluster

import "testing"

func TestEventLogIsBounded(t *testing.T) {
	var l Log
	for range maxEvents + 10 {
		l.Add([]Event{{Kind: "x"}})
	}
	all := l.Since(0)
	if len(all) != maxEvents || all[0].ID != 11 {
		t.Errorf("%d events from %d", len(all), all[0].ID)
	}
	if last := l.Since(maxEvents + 8); len(last) != 2 {
		t.Errorf("%d events since the last but two", len(last))
	}
}

func TestLogGoesOnAfterARestart(t *testing.T) {
	var l Log
	l.Add([]Event{{Text: "a"}, {Text: "b"}})
	var next Log
	kept := l.Since(0)
	next.Restore([]Event{kept[1], kept[0]}) // in any order
	if got := next.Add([]Event{{Text: "c"}}); got[0].ID != 3 {
		t.Errorf("ID %d after two restored events, want 3", got[0].ID)
	}
	var text string
	for _, e := range next.Newest(10) {
		text += e.Text
	}
	if text != "abc" {
		t.Errorf("events %q, want abc", text)
	}
	if last := next.Newest(1); len(last) != 1 || last[0].Text != "c" {
		t.Errorf("newest %+v", last)
	}
}
