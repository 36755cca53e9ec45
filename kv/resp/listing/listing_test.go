package listing

import (
	"strings"
	"testing"
	"time"
)

func words(s string) (args [][]byte) {
	for _, w := range strings.Fields(s) {
		args = append(args, []byte(w))
	}
	return args
}

func TestLine(t *testing.T) {
	now := time.Now()
	c := Client{
		ID: 7, Addr: "a:1", LAddr: "b:2", Name: "me", DB: 3, Proto: 3, Patterns: 2, Queued: 4, ReadOnly: true, Redirect: -1,
		Created: now.Add(-time.Minute), Active: now.Add(-time.Second), Last: "get", Unread: 5, Lib: [2]string{"lib", "1"},
	}
	want := "id=7 addr=a:1 laddr=b:2 fd=0 name=me age=60 idle=1 flags=Pxr db=3 sub=0 psub=2 ssub=0 multi=4 qbuf=0 " +
		"qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=5 tot-mem=5 events=r cmd=get user=default " +
		"redir=-1 resp=3 lib-name=lib lib-ver=1"
	if got := c.Line(now); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if plain := (&Client{Queued: -1}).Line(now); !strings.Contains(plain, " flags=N ") {
		t.Error(plain)
	}
}

func TestKillFilter(t *testing.T) {
	c := Client{ID: 7, Addr: "a:1", LAddr: "b:2", Channels: 1}
	for call, want := range map[string]string{
		"ID 7": "yes", "ID 8": "no", "ADDR a:1": "yes", "ADDR a:2": "no", "LADDR b:2 ID 7": "yes", "LADDR x": "no",
		"TYPE pubsub": "yes", "type NORMAL": "no", "TYPE slave": "no", "USER default": "yes", "SKIPME no": "yes",
		"ID": "ERR syntax error", "ID 0": "ERR client-id should be greater than 0", "FOO x": "ERR syntax error",
		"TYPE foo": "ERR Unknown client type 'foo'", "USER x": "ERR No such user 'x'", "SKIPME x": "ERR syntax error",
	} {
		var f Filter
		got := f.Parse(words(call))
		if got == "" {
			got = map[bool]string{true: "yes", false: "no"}[f.Matches(&c)]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", call, got, want)
		}
	}
}

func TestListFilter(t *testing.T) {
	c := Client{ID: 7}
	for call, want := range map[string]string{
		"": "yes", "ID 7 8": "yes", "ID 8": "no", "TYPE normal": "yes", "TYPE pubsub": "no",
		"ID x": "ERR Invalid client ID", "ID": "ERR syntax error", "TYPE x": "ERR Unknown client type 'x'", "x": "ERR syntax error",
	} {
		var f Filter
		got := f.ParseList(words(call))
		if got == "" {
			got = map[bool]string{true: "yes", false: "no"}[f.Matches(&c)]
		}
		if got != want {
			t.Errorf("%q: %s, want %s", call, got, want)
		}
	}
}
