package clients

import (
	"strings"
	"testing"
	"time"

	"pingd/kv/resp/listing"
	"pingd/kv/resp/reply"
)

// fake is a connection that notes what is done to it.
type fake struct {
	listing.Client
	ended, cut, blocked bool
	dropped             bool
	failed              bool
}

func (f *fake) View() listing.Client { return f.Client }
func (f *fake) End()                 { f.ended = true }
func (f *fake) Cut(string)           { f.cut = true }
func (f *fake) Drop()                { f.dropped = true }
func (f *fake) Unblock(fail bool) bool {
	was := f.blocked
	f.blocked, f.failed = false, fail
	return was
}

func fill(n int) (*Set, []*fake) {
	s := NewSet()
	var all []*fake
	for range n {
		f := &fake{Client: listing.Client{ID: s.NextID(), Addr: "h:" + string(rune('0'+len(all))), Queued: -1, Created: time.Now(), Active: time.Now()}}
		s.Add(f.ID, f, 100, false)
		all = append(all, f)
	}
	return s, all
}

func call(f func(*reply.Writer, [][]byte), line string) string {
	w := &reply.Writer{Proto: 2}
	var args [][]byte
	for _, word := range strings.Fields(line) {
		args = append(args, []byte(word))
	}
	f(w, args)
	return string(w.Out)
}

func TestSet(t *testing.T) {
	s, all := fill(3)
	if added, made := s.Add(99, &fake{}, 3, true); added || made || s.Count() != 3 {
		t.Error("limit exceeded")
	}
	for i, c := range s.All() {
		if c != Conn(all[i]) {
			t.Error("not in order of age")
		}
	}
	s.Remove(2)
	if s.Get(2) != nil || s.Get(3) != Conn(all[2]) || s.Count() != 2 {
		t.Error("not removed")
	}
	if n := s.EndAll(); n != 2 || !all[0].ended || all[1].ended {
		t.Errorf("%d ended", n)
	}
	if s.CutAll("x"); !all[0].cut || all[1].cut {
		t.Error("not cut")
	}
	s.Refuse()
	if added, _ := s.Add(4, &fake{}, 100, false); added {
		t.Error("added after Refuse")
	}
}

func TestKill(t *testing.T) {
	for _, c := range []struct {
		line, want string
		self       bool
		ended      string
	}{
		{"CLIENT KILL h:1", "+OK\r\n", false, "1"},
		{"CLIENT KILL h:0", "+OK\r\n", true, ""},
		{"CLIENT KILL x", "-ERR No such client\r\n", false, ""},
		{"CLIENT KILL ID 3", ":1\r\n", false, "2"},
		{"CLIENT KILL ID 1", ":0\r\n", false, ""},
		{"CLIENT KILL ID 1 SKIPME no", ":1\r\n", true, ""},
		{"CLIENT KILL TYPE normal", ":2\r\n", false, "12"},
		{"CLIENT KILL ID", "-ERR No such client\r\n", false, ""},
		{"CLIENT KILL ID x y", "-ERR syntax error\r\n", false, ""},
	} {
		s, all := fill(3)
		self := false
		got := call(func(w *reply.Writer, a [][]byte) { self = s.Kill(w, all[0], a) }, c.line)
		ended := ""
		for i, f := range all {
			if f.ended {
				ended += string(rune('0' + i))
			}
		}
		if got != c.want || self != c.self || ended != c.ended {
			t.Errorf("%s: %q, self %v, ended %q", c.line, got, self, ended)
		}
	}
}

func TestKillCountsNobodyTwice(t *testing.T) {
	s, all := fill(3)
	all[1].Closing = true
	if got := call(func(w *reply.Writer, a [][]byte) { s.Kill(w, all[0], a) }, "CLIENT KILL TYPE normal"); got != ":1\r\n" || all[1].ended || !all[2].ended {
		t.Errorf("%q, ended %t %t", got, all[1].ended, all[2].ended)
	}
}

func TestList(t *testing.T) {
	s, all := fill(3)
	all[1].Channels = 1
	for line, want := range map[string]int{
		"CLIENT LIST": 3, "CLIENT LIST TYPE pubsub": 1, "CLIENT LIST TYPE replica": 0, "CLIENT LIST ID 1 3 9": 2,
	} {
		if got := call(s.List, line); strings.Count(got, "id=") != want {
			t.Errorf("%s: %q", line, got)
		}
	}
	if got := call(s.List, "CLIENT LIST TYPE x"); got != "-ERR Unknown client type 'x'\r\n" {
		t.Error(got)
	}
	if got := call(func(w *reply.Writer, _ [][]byte) { Info(w, all[1]) }, "CLIENT INFO"); !strings.Contains(got, "id=2 addr=h:1 ") {
		t.Error(got)
	}
}

func TestUnblock(t *testing.T) {
	s, all := fill(2)
	all[1].blocked = true
	for _, c := range []struct{ line, want string }{
		{"CLIENT UNBLOCK x", "-ERR value is not an integer or out of range\r\n"},
		{"CLIENT UNBLOCK 2 maybe", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n"},
		{"CLIENT UNBLOCK 2 error x", "-ERR syntax error\r\n"},
		{"CLIENT UNBLOCK 1", ":0\r\n"},
		{"CLIENT UNBLOCK 9", ":0\r\n"},
		{"CLIENT UNBLOCK 2 error", ":1\r\n"},
		{"CLIENT UNBLOCK 2", ":0\r\n"},
	} {
		if got := call(s.Unblock, c.line); got != c.want {
			t.Errorf("%s: %q", c.line, got)
		}
	}
}

// Whoever has not said who they are makes room for others, the oldest first, and
// nobody else does.
func TestStrangersGiveWay(t *testing.T) {
	s, known := fill(1)
	var strangers []*fake
	add := func(stranger bool) (added, made bool) {
		f := &fake{Client: listing.Client{ID: s.NextID()}}
		strangers = append(strangers, f)
		return s.Add(f.ID, f, 4, stranger)
	}
	for range 3 {
		if added, made := add(true); !added || made {
			t.Fatal("there was room")
		}
	}
	s.Know(strangers[0].ID)
	for i, stranger := range []bool{true, false} {
		if added, made := add(stranger); !added || !made || s.Count() != 4 {
			t.Fatalf("newcomer %d: %v %v, %d clients", i, added, made, s.Count())
		}
	}
	if strangers[0].dropped || !strangers[1].dropped || !strangers[2].dropped || strangers[3].dropped {
		t.Error("others than the two oldest strangers had to go")
	}
	s.Remove(strangers[3].ID) // left by itself
	s.Remove(strangers[1].ID) // its goroutine ends late
	if added, made := add(false); !added || made {
		t.Error("there was room again")
	}
	if added, made := add(true); added || made || known[0].dropped || s.Count() != 4 {
		t.Error("somebody who is known had to go")
	}
	s.Refuse()
	if added, _ := add(true); added {
		t.Error("taken in after the end")
	}
}
