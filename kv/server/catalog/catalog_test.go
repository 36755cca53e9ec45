package catalog

import (
	"strings"
	"testing"

	"pingd/kv/engine"
	"pingd/kv/resp/reply"
)

func testIndex() Index {
	x := Index{}
	for _, spec := range engine.Specs() {
		e := Describe(strings.ToLower(spec.Name), &spec)
		x[e.Name] = &e
	}
	for _, name := range []string{"watch", "client"} {
		e := Describe(name, nil)
		x[name] = &e
	}
	list := Describe("client|list", nil)
	x["client"].Subs = map[string]*Entry{"list": &list}
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
	for name, want := range map[string]bool{
		"get": true, "GeT": true, "nope": false, "": false, strings.Repeat("x", 100): false,
		"client": true, "Client|LIST": true, "client|nope": false, "get|list": false,
	} {
		if got := x.Find([]byte(name)) != nil; got != want {
			t.Errorf("%q found: %v", name, got)
		}
	}
	for _, e := range x.Shown() {
		if e.Is(Hidden) {
			t.Errorf("%s is shown", e.Name)
		}
	}
}

// Every line of the facts is well formed, and they say the same as the engine
// where both speak.
func TestFacts(t *testing.T) {
	for name := range facts() {
		if name != strings.ToLower(name) || len(name) > MaxName {
			t.Errorf("name %q", name)
		}
		if container, _, is := strings.Cut(name, "|"); is && facts()[container].arity == 0 {
			t.Errorf("%s has no container", name)
		}
	}
	for _, spec := range engine.Specs() {
		e := Describe(strings.ToLower(spec.Name), &spec)
		first, last, _ := e.places()
		switch {
		case e.Name == "object", e.Name == "memory": // containers
		case e.Arity != spec.Arity:
			t.Errorf("%s: arity %d, the engine says %d", e.Name, e.Arity, spec.Arity)
		case e.Is(Write) != (spec.Flags&engine.Write != 0):
			t.Errorf("%s: write is %v, the engine says otherwise", e.Name, e.Is(Write))
		case first != spec.FirstKey || last != spec.LastKey:
			t.Errorf("%s: keys %d to %d, the engine says %d to %d", e.Name, first, last, spec.FirstKey, spec.LastKey)
		}
	}
	for _, bad := range []string{"", "a|1", "a|x|||||", "a|1||||RO 1 2|", "a|1||||RO @1 0/1|"} {
		if _, _, err := parseFacts(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestAnswer(t *testing.T) {
	x := testIndex()
	for call, want := range map[string]string{
		"GETKEYS WATCH a b":                "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
		"GETKEYS MSET a 1 b 2":             "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
		"GETKEYS RENAME a b":               "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
		"GETKEYS GET a b":                  "-ERR Invalid number of arguments specified for command\r\n",
		"GETKEYS nope a":                   "-ERR Invalid command specified\r\n",
		"GETKEYS KEYS a":                   "-ERR The command has no key arguments\r\n",
		"GETKEYSANDFLAGS SET a b":          "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n",
		"GETKEYSANDFLAGS SET a b GET":      "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n",
		"LIST FILTERBY PATTERN strle*":     "*1\r\n$6\r\nstrlen\r\n",
		"LIST FILTERBY PATTERN client*":    "*2\r\n$6\r\nclient\r\n$11\r\nclient|list\r\n",
		"LIST FILTERBY MODULE m":           "*0\r\n",
		"LIST FILTERBY ACLCAT transaction": "*1\r\n$5\r\nwatch\r\n",
		"LIST FILTERBY x y":                "-ERR syntax error\r\n",
		"INFO nope secret":                 "*2\r\n$-1\r\n$-1\r\n",
		"DOCS nope":                        "*0\r\n",
		"DOCS strlen": "*2\r\n$6\r\nstrlen\r\n*6\r\n$7\r\nsummary\r\n$43\r\nGet the length of the value stored in a key\r\n" +
			"$5\r\nsince\r\n$5\r\n2.2.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n",
	} {
		w := &reply.Writer{Proto: 2}
		args := words("COMMAND " + call)
		switch strings.ToUpper(string(args[1])) {
		case "GETKEYS":
			x.GetKeys(w, args, false)
		case "GETKEYSANDFLAGS":
			x.GetKeys(w, args, true)
		case "LIST":
			x.List(w, args)
		case "INFO":
			x.Info(w, args)
		case "DOCS":
			x.Docs(w, args)
		}
		if string(w.Out) != want {
			t.Errorf("%s\ngot  %q\nwant %q", call, w.Out, want)
		}
	}
}

func TestRefused(t *testing.T) {
	if !CrossProtocol([]byte("post")) || !CrossProtocol([]byte("Host:")) || CrossProtocol([]byte("get")) {
		t.Error("cross protocol requests")
	}
	for name, why := range Refused() {
		if name != strings.ToLower(name) || !strings.HasPrefix(why, "ERR ") {
			t.Errorf("refusal of %q: %q", name, why)
		}
	}
}
