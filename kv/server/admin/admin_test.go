package admin

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"pingd/kv/engine"
	"pingd/kv/resp"
	"pingd/kv/resp/reply"
	"pingd/kv/server/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func words(text string) (args [][]byte) {
	for _, w := range strings.Fields(text) {
		args = append(args, []byte(w))
	}
	return args
}

// answer runs fn with the words of a command and returns its reply.
func answer(proto uint8, text string, fn func(*reply.Writer, [][]byte)) string {
	w := &reply.Writer{Proto: proto}
	fn(w, words(text))
	return string(w.Out)
}

func says(fn func(*reply.Writer)) func(*reply.Writer, [][]byte) {
	return func(w *reply.Writer, _ [][]byte) { fn(w) }
}

// bulk is s as a reply.
func bulk(s string) string { return string(resp.AppendBulkString(nil, s)) }

// acl is of a node that knows the engine's commands.
func acl(secret bool) ACL {
	x := catalog.Index{}
	for _, spec := range engine.Specs() {
		e := catalog.Describe(strings.ToLower(spec.Name), &spec)
		x[e.Name] = &e
	}
	return ACL{Commands: x, Secret: secret}
}

// TestReplies gives exact replies; RESP3's only where it differs.
func TestReplies(t *testing.T) {
	open, secret := acl(false), acl(true)
	zeros := strings.Repeat("0", 64)
	const bad = "-ERR unknown subcommand or wrong number of arguments for '"
	for _, test := range []struct {
		text         string
		fn           func(*reply.Writer, [][]byte)
		resp2, resp3 string
	}{
		{"ACL LIST", says(open.List), "*1\r\n" + bulk("user default on nopass ~* &* +@all"), ""},
		{"ACL USERS", says(open.Users), "*1\r\n$7\r\ndefault\r\n", ""},
		{"ACL GETUSER nobody", open.GetUser, "$-1\r\n", "_\r\n"},
		{"ACL GETUSER Default", open.GetUser, "$-1\r\n", "_\r\n"},
		{"ACL DRYRUN default get a", open.DryRun, "+OK\r\n", ""},
		{"ACL DRYRUN default GET a", secret.DryRun, "+OK\r\n", ""},
		{"ACL DRYRUN default get", open.DryRun, "-ERR wrong number of arguments for 'get' command\r\n", ""},
		{"ACL DRYRUN default nope a", open.DryRun, "-ERR Command 'nope' not found\r\n", ""},
		{"ACL DRYRUN nobody nope a", open.DryRun, "-ERR User 'nobody' not found\r\n", ""},
		{"ACL CAT nope", open.Cat, "-ERR Unknown category 'nope'\r\n", ""},
		{"ACL CAT hash x", open.Cat, bad + "CAT'. Try ACL HELP.\r\n", ""},
		{"ACL LOG", open.Log, "*0\r\n", ""},
		{"ACL LOG 5", open.Log, "*0\r\n", ""},
		{"ACL LOG -5", open.Log, "*0\r\n", ""},
		{"ACL LOG reset", open.Log, "+OK\r\n", ""},
		{"ACL LOG x", open.Log, "-" + reply.ErrNotInt + "\r\n", ""},
		{"ACL LOG RESET x", open.Log, bad + "LOG'. Try ACL HELP.\r\n", ""},
		{"ACL GENPASS x", open.GenPass, "-" + reply.ErrNotInt + "\r\n", ""},
		{"ACL GENPASS 99999999999999999999", open.GenPass, "-" + reply.ErrNotInt + "\r\n", ""},
		{"ACL GENPASS 5 5", open.GenPass, bad + "GENPASS'. Try ACL HELP.\r\n", ""},
		{"ACL LOAD", says(open.File), "-" + noFile + "\r\n", ""},
		{"ACL SETUSER a", says(open.Change), "-" + noUser + "\r\n", ""},

		{"FUNCTION LIST", FunctionList, "*0\r\n", ""},
		{"FUNCTION LIST withcode LibraryName WITHCODE", FunctionList, "*0\r\n", ""},
		{"FUNCTION LIST WITHCODE WITHCODE", FunctionList, "-ERR Unknown argument WITHCODE\r\n", ""},
		{"FUNCTION LIST LIBRARYNAME", FunctionList, "-ERR library name argument was not given\r\n", ""},
		{"FUNCTION LIST LIBRARYNAME a LIBRARYNAME", FunctionList, "-ERR Unknown argument LIBRARYNAME\r\n", ""},
		{"FUNCTION LIST x", FunctionList, "-ERR Unknown argument x\r\n", ""},
		{"FUNCTION FLUSH", FunctionFlush, "+OK\r\n", ""},
		{"FUNCTION FLUSH sync", FunctionFlush, "+OK\r\n", ""},
		{"FUNCTION FLUSH now", FunctionFlush, "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option\r\n", ""},
		{"FUNCTION FLUSH a b", FunctionFlush, bad + "FLUSH'. Try FUNCTION HELP.\r\n", ""},
		{"FUNCTION STATS", says(FunctionStats), "*4\r\n$14\r\nrunning_script\r\n$-1\r\n$7\r\nengines\r\n*0\r\n", "%2\r\n$14\r\nrunning_script\r\n_\r\n$7\r\nengines\r\n%0\r\n"},
		{"FUNCTION DELETE x", says(FunctionDelete), "-ERR Library not found\r\n", ""},
		{"FUNCTION load x", FunctionRefuse, "-ERR FUNCTION LOAD is not supported: this server runs no scripts\r\n", ""},
		{"FUNCTION KILL", says(Kill), "-" + notBusy + "\r\n", ""},

		{"SCRIPT EXISTS a b c", ScriptExists, "*3\r\n:0\r\n:0\r\n:0\r\n", ""},
		{"SCRIPT FLUSH async", ScriptFlush, "+OK\r\n", ""},
		{"SCRIPT FLUSH a b", ScriptFlush, "-ERR SCRIPT FLUSH only support SYNC|ASYNC option\r\n", ""},
		{"SCRIPT debug yes", ScriptRefuse, "-ERR SCRIPT DEBUG is not supported: this server runs no scripts\r\n", ""},

		{"DEBUG set-active-expire 0", Debug, "+OK\r\n", ""},
		{"MODULE LOAD x", says(ModuleRefuse), "-ERR MODULE is not supported: this server loads no modules\r\n", ""},
		{"MEMORY PURGE", says(MemoryPurge), "+OK\r\n", ""},
		{"MEMORY MALLOC-STATS", says(MemoryMalloc), bulk("Stats not supported for the current allocator"), ""},

		{
			"ACL GETUSER default", secret.GetUser, "*12\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$9\r\npasswords\r\n*1\r\n$64\r\n" + zeros +
				"\r\n$8\r\ncommands\r\n$5\r\n+@all\r\n$4\r\nkeys\r\n$2\r\n~*\r\n$8\r\nchannels\r\n$2\r\n&*\r\n$9\r\nselectors\r\n*0\r\n",
			"%6\r\n$5\r\nflags\r\n~1\r\n$2\r\non\r\n$9\r\npasswords\r\n*1\r\n$64\r\n" + zeros +
				"\r\n$8\r\ncommands\r\n$5\r\n+@all\r\n$4\r\nkeys\r\n$2\r\n~*\r\n$8\r\nchannels\r\n$2\r\n&*\r\n$9\r\nselectors\r\n*0\r\n",
		},
	} {
		for proto, want := range map[uint8]string{2: test.resp2, 3: test.resp3} {
			if want == "" {
				want = test.resp2
			}
			got := answer(proto, test.text, test.fn)
			if got != want {
				t.Errorf("RESP%d %s: %q, want %q", proto, test.text, got, want)
			}
		}
	}
}

// TestNothingToAttack holds that a password is never shown, not even its hash.
func TestNothingToAttack(t *testing.T) {
	for _, fn := range []func(*reply.Writer, [][]byte){says(acl(true).List), acl(true).GetUser} {
		if got := answer(2, "ACL GETUSER default", fn); !strings.Contains(got, strings.Repeat("0", 64)) || strings.Contains(got, "nopass") {
			t.Errorf("%q", got)
		}
	}
}

func TestCat(t *testing.T) {
	a := acl(false)
	if got := answer(2, "ACL CAT", a.Cat); !strings.HasPrefix(got, "*21\r\n") {
		t.Errorf("categories: %q", got)
	}
	all := 0
	for _, c := range categories {
		got := answer(2, "ACL CAT "+strings.ToUpper(c), a.Cat)
		n, err := strconv.Atoi(strings.TrimPrefix(strings.SplitN(got, "\r\n", 2)[0], "*"))
		if err != nil || resp.Skip([]byte(got)) != len(got) {
			t.Errorf("%s: %q", c, got)
		}
		all += n
	}
	if hashes := answer(2, "ACL CAT hash", a.Cat); !strings.Contains(hashes, "\r\nhget\r\n") || strings.Contains(hashes, "\r\nget\r\n") || all < len(a.Commands) {
		t.Errorf("%d names in all categories, of hash %q", all, hashes)
	}
}

func TestGenPass(t *testing.T) {
	seen := map[string]bool{}
	for bits, digits := range map[string]int{"": 64, "1": 1, "4": 1, "5": 2, "8": 2, "255": 64, "256": 64, "4096": 1024} {
		got := answer(2, "ACL GENPASS "+bits, acl(false).GenPass)
		_, text, _ := strings.Cut(strings.TrimSuffix(got, "\r\n"), "\r\n")
		if padded := text + "0"; len(text) != digits || len(got) != resp.Skip([]byte(got)) {
			t.Errorf("%s bits: %q", bits, got)
		} else if _, err := hex.DecodeString(padded[:len(padded)/2*2]); err != nil {
			t.Errorf("%s bits: %q: %v", bits, text, err)
		}
		if digits == 64 && seen[text] {
			t.Errorf("%s came twice", text)
		}
		seen[text] = true
	}
	for _, bits := range []string{"0", "-1", "4097", "9223372036854775807"} {
		if got := answer(2, "ACL GENPASS "+bits, acl(false).GenPass); !strings.HasPrefix(got, "-ERR ACL GENPASS argument must be") {
			t.Errorf("%s bits: %q", bits, got)
		}
	}
}

// TestMemoryStats holds that figures are there and none is negative, also of an empty
// node, whose keys there is no dividing by.
func TestMemoryStats(t *testing.T) {
	for name, data := range map[string]engine.Stats{"empty": {}, "full": {Bytes: 1 << 50}} {
		for proto := uint8(2); proto <= 3; proto++ {
			got := answer(proto, "MEMORY STATS", func(w *reply.Writer, _ [][]byte) { MemoryStats(w, data) })
			if resp.Skip([]byte(got)) != len(got) || strings.Contains(got, ":-") || strings.Contains(strings.ToLower(got), "nan") {
				t.Errorf("%s, RESP%d: %q", name, proto, got)
			}
			for _, figure := range []string{"keys.count", "dataset.bytes", "overhead.total", "dataset.percentage"} {
				if !strings.Contains(got, figure) {
					t.Errorf("%s, RESP%d: no %s in %q", name, proto, figure, got)
				}
			}
		}
	}
}

// TestHelp holds that each subcommand's help is an array of simple strings, begins as
// Redis's does, and has no line too many.
func TestHelp(t *testing.T) {
	for command, fn := range map[string]func(*reply.Writer){
		"ACL": acl(false).Help, "CLIENT": ClientHelp, "FUNCTION": FunctionHelp, "SCRIPT": ScriptHelp, "MEMORY": MemoryHelp, "MODULE": ModuleHelp,
	} {
		got := answer(2, "HELP", says(fn))
		lines := strings.Split(strings.TrimSuffix(got, "\r\n"), "\r\n")
		if lines[0] != "*"+strconv.Itoa(len(lines)-1) || lines[1] != "+"+command+" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:" {
			t.Errorf("%s: %q", command, got)
		}
		for _, l := range lines[1:] {
			if !strings.HasPrefix(l, "+") || strings.TrimSpace(l[1:]) == "" || strings.Contains(l, "\t") {
				t.Errorf("%s: line %q", command, l)
			}
		}
	}
}

// TestHostileWords gives every command that repeats what a client said words that would
// end its line, and very long ones: one reply comes, bounded.
func TestHostileWords(t *testing.T) {
	evil := []byte("x'\r\n+OK\r\n$-1\r\n\x00\xff")
	long := bytes.Repeat([]byte("é"), 1<<16)
	a := acl(false)
	for name, fn := range map[string]func(*reply.Writer, [][]byte){
		"CAT": a.Cat, "GETUSER": a.GetUser, "DRYRUN": a.DryRun, "GENPASS": a.GenPass, "LOG": a.Log,
		"FunctionList": FunctionList, "FunctionFlush": FunctionFlush, "FunctionRefuse": FunctionRefuse,
		"ScriptFlush": ScriptFlush, "ScriptRefuse": ScriptRefuse, "Debug": Debug,
	} {
		for _, word := range [][]byte{evil, long, nil} {
			for n := 4; n <= 6; n++ {
				args := [][]byte{[]byte("CONTAINER")}
				for len(args) < n {
					args = append(args, word)
				}
				failed := 0
				w := &reply.Writer{Proto: 2, Failed: func(string) { failed++ }}
				fn(w, args)
				if len(w.Out) == 0 || resp.Skip(w.Out) != len(w.Out) || len(w.Out) > 2048 {
					t.Errorf("%s, %d words %.20q: %d bytes: %.200q", name, n, word, len(w.Out), w.Out)
				}
				if (w.Out[0] == '-') != (failed == 1) {
					t.Errorf("%s: %.100q, and %d failures were told", name, w.Out, failed)
				}
			}
		}
	}
}
