package catalog

import (
	"strings"
	"testing"

	"pingd/kv/engine"
)

func testIndex() Index {
	x := Index{}
	for _, spec := range engine.Specs() {
		e := FromSpec(&spec)
		x[e.Name] = &e
	}
	x["watch"] = &Entry{Name: "watch", Arity: -2, Flags: Immediate, Group: "transactions"}
	x["secret"] = &Entry{Name: "secret", Arity: 1, Flags: Hidden}
	return x
}

func words(s string) (args [][]byte) {
	for _, w := range strings.Fields(s) {
		args = append(args, []byte(w))
	}
	return args
}

func TestFind(t *testing.T) {
	x := testIndex()
	for name, want := range map[string]bool{"get": true, "GeT": true, "nope": false, "": false, strings.Repeat("x", 100): false} {
		if got := x.Find([]byte(name)) != nil; got != want {
			t.Errorf("%q found: %v", name, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { x.Find([]byte("GET")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for _, e := range x.Shown() {
		if e.Is(Hidden) {
			t.Errorf("%s is shown", e.Name)
		}
	}
}

func TestAnswer(t *testing.T) {
	x := testIndex()
	for call, want := range map[string]string{
		"COMMAND GETKEYS WATCH a b":                "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
		"COMMAND GETKEYS MSET a 1 b 2":             "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
		"COMMAND GETKEYS GET a b":                  "!ERR Invalid number of arguments specified for command",
		"COMMAND GETKEYS nope a":                   "!ERR Invalid command specified",
		"COMMAND GETKEYS KEYS a":                   "!ERR The command has no key arguments",
		"COMMAND GETKEYS":                          "!ERR wrong number of arguments for 'command|getkeys' command",
		"COMMAND LIST FILTERBY PATTERN strle*":     "*1\r\n$6\r\nstrlen\r\n",
		"COMMAND LIST FILTERBY MODULE m":           "*0\r\n",
		"COMMAND LIST FILTERBY ACLCAT transaction": "*1\r\n$5\r\nwatch\r\n",
		"COMMAND LIST FILTERBY x y":                "!ERR syntax error",
		"COMMAND INFO nope secret":                 "*2\r\n$-1\r\n$-1\r\n",
		"COMMAND DOCS nope":                        "*0\r\n",
		"COMMAND FOO":                              "!ERR unknown subcommand 'FOO'. Try COMMAND HELP.",
	} {
		got, problem := x.Answer(nil, 2, words(call))
		if problem != "" {
			got = []byte("!" + problem)
		}
		if string(got) != want {
			t.Errorf("%s\ngot  %q\nwant %q", call, got, want)
		}
	}
}

func TestUnknown(t *testing.T) {
	long := strings.Repeat("x", 200)
	for call, want := range map[string]string{
		"foo":         "ERR unknown command 'foo', with args beginning with: ",
		"foo a b":     "ERR unknown command 'foo', with args beginning with: 'a' 'b' ",
		"foo " + long: "ERR unknown command 'foo', with args beginning with: '" + long[:128] + "' ",
	} {
		if got := Unknown(words(call)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if !CrossProtocol([]byte("post")) || !CrossProtocol([]byte("Host:")) || CrossProtocol([]byte("get")) {
		t.Error("cross protocol requests")
	}
	for name, why := range Refused() {
		if name != strings.ToLower(name) || why == "" {
			t.Errorf("refusal of %q: %q", name, why)
		}
	}
}
