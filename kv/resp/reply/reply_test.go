package reply

import (
	"strings"
	"testing"
)

func words(s string) (args [][]byte) {
	for w := range strings.FieldsSeq(s) {
		args = append(args, []byte(w))
	}
	return args
}

func TestUnknown(t *testing.T) {
	long := strings.Repeat("x", 200)
	for call, want := range map[string]string{
		"foo":         "ERR unknown command 'foo', with args beginning with: ",
		"foo a b":     "ERR unknown command 'foo', with args beginning with: 'a' 'b' ",
		"foo " + long: "ERR unknown command 'foo', with args beginning with: '" + long[:128] + "' ",
		long:          "ERR unknown command '" + long[:128] + "', with args beginning with: ",
	} {
		if got := Unknown(words(call)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTexts(t *testing.T) {
	for got, want := range map[string]string{
		WrongArity("client|id"):                  "ERR wrong number of arguments for 'client|id' command",
		UnknownSubcommand("client", []byte("x")): "ERR unknown subcommand 'x'. Try CLIENT HELP.",
		Bad("pubsub", []byte("numpat")):          "ERR unknown subcommand or wrong number of arguments for 'numpat'. Try PUBSUB HELP.",
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// What each method appends in both protocols.
func TestWriter(t *testing.T) {
	var failed []string
	for proto, want := range map[uint8]string{
		2: "+OK\r\n+s\r\n:5\r\n$1\r\nb\r\n$1\r\nc\r\n*1\r\n*2\r\n*1\r\n*3\r\n$-1\r\n$1\r\nv\r\n*1\r\n$1\r\na\r\n*1\r\n+a\r\n-ERR x\r\n",
		3: "+OK\r\n+s\r\n:5\r\n$1\r\nb\r\n$1\r\nc\r\n*1\r\n%1\r\n~1\r\n>3\r\n_\r\n=5\r\ntxt:v\r\n*1\r\n$1\r\na\r\n~1\r\n+a\r\n-ERR x\r\n",
	} {
		w := &Writer{Proto: proto, Failed: func(text string) { failed = append(failed, text) }}
		w.OK()
		w.Status("s")
		w.Int(5)
		w.Bulk("b")
		w.Bytes([]byte("c"))
		w.Array(1)
		w.Map(1)
		w.Set(1)
		w.Push(3)
		w.Null()
		w.Verbatim("v")
		w.Strings([]string{"a"})
		w.Statuses([]string{"a"})
		w.Fail("ERR x")
		if string(w.Out) != want {
			t.Errorf("RESP%d\ngot  %q\nwant %q", proto, w.Out, want)
		}
	}
	if len(failed) != 2 || failed[0] != "ERR x" {
		t.Errorf("heard of %q", failed)
	}
	w := &Writer{Proto: 2}
	w.Help("FOO", "BAR", "    Does bar.")
	if got := string(w.Out); !strings.HasPrefix(got, "*5\r\n+FOO <subcommand>") || !strings.HasSuffix(got, "+HELP\r\n+    Prints this help.\r\n") {
		t.Errorf("%q", got)
	}
}
