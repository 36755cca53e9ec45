package session

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func args(line string) (list [][]byte) {
	for _, w := range strings.Fields(line) {
		list = append(list, []byte(w))
	}
	return list
}

// handlers by the first word of a line.
var handlers = map[string]func(*Session, [][]byte){
	"AUTH": (*Session).Auth, "HELLO": (*Session).Hello,
}

var subcommands = map[string]func(*Session, [][]byte){
	"SETNAME": (*Session).SetName, "GETNAME": (*Session).GetName, "SETINFO": (*Session).SetInfo,
	"NO-EVICT": (*Session).SetNoEvict, "NO-TOUCH": (*Session).SetNoTouch, "REPLY": (*Session).SetReply,
}

func run(s *Session, line string) string {
	words := args(line)
	f := handlers[string(words[0])]
	if f == nil {
		f = subcommands[string(words[1])]
	}
	s.Out = nil
	f(s, words)
	return string(s.Out)
}

func TestLogin(t *testing.T) {
	const wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
	s := New(NewServer("pw", slog.New(slog.DiscardHandler), "standalone", func() string { return "master" }), 7, "a:1")
	var admitted []bool
	s.Admitted = func(yes bool) { admitted = append(admitted, yes) }
	for _, c := range []struct{ line, want string }{
		{"AUTH x", wrong},
		{"AUTH other pw", wrong},
		{"AUTH a b c", "-ERR syntax error\r\n"},
		{"HELLO 3", "-NOAUTH HELLO"},
		{"HELLO 3 AUTH default x", wrong},
		{"HELLO 3 AUTH", "-ERR Syntax error in HELLO option 'AUTH'\r\n"},
		{"HELLO 1", "-NOPROTO unsupported protocol version\r\n"},
		{"HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"},
		{"AUTH pw", "+OK\r\n"},
		{"HELLO 3 AUTH default pw SETNAME me", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"},
		{"CLIENT GETNAME", "$2\r\nme\r\n"},
		{"HELLO 2", "*14\r\n"},
	} {
		if got := run(&s, c.line); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
	}
	if s.Reset(); s.Authed || s.Name != "" || s.Proto != 2 {
		t.Errorf("after RESET %+v", s)
	}
	if len(admitted) != 3 || !admitted[0] || !admitted[1] || admitted[2] {
		t.Errorf("admitted %v", admitted)
	}
	open := New(NewServer("", slog.New(slog.DiscardHandler), "sentinel", func() string { return "replica" }), 1, "")
	if got := run(&open, "AUTH x"); !strings.HasPrefix(got, "-ERR AUTH <password> called without any password") {
		t.Error(got)
	}
	if got := run(&open, "HELLO 2 AUTH default anything"); !strings.Contains(got, "$7\r\nreplica\r\n") {
		t.Error(got)
	}
}

func TestSelf(t *testing.T) {
	s := New(NewServer("", slog.New(slog.DiscardHandler), "sentinel", nil), 7, "a:1")
	for _, c := range []struct{ line, want string }{
		{"CLIENT GETNAME", "$-1\r\n"},
		{"CLIENT SETNAME é", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"},
		{"CLIENT SETNAME " + strings.Repeat("x", maxName+1), "-ERR Client names"},
		{"CLIENT SETINFO LIB-NAME redis-py", "+OK\r\n"},
		{"CLIENT SETINFO lib-ver 1.2", "+OK\r\n"},
		{"CLIENT SETINFO foo x", "-ERR Unrecognized option 'foo'\r\n"},
		{"CLIENT SETINFO LIB-NAME é", "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n"},
		{"CLIENT NO-EVICT on", "+OK\r\n"},
		{"CLIENT NO-TOUCH maybe", "-ERR syntax error\r\n"},
		{"CLIENT REPLY maybe", "-ERR syntax error\r\n"},
		{"CLIENT REPLY SKIP", ""},
	} {
		if got := run(&s, c.line); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%.40s: %q, want %q", c.line, got, c.want)
		}
	}
	if s.Lib != [2]string{"redis-py", "1.2"} || !s.NoEvict || s.NoTouch || s.Mode != ReplySkip {
		t.Errorf("%+v", s)
	}
}

func TestRedact(t *testing.T) {
	for line, want := range map[string]string{
		"auth pw":                           "auth (redacted)",
		"auth user pw":                      "auth (redacted) (redacted)",
		"hello 3 AUTH user pw SETNAME n":    "hello 3 AUTH (redacted) (redacted) SETNAME n",
		"hello 3 setname n auth default pw": "hello 3 setname n auth (redacted) (redacted)",
		"set auth pw":                       "set auth pw",
	} {
		var got []string
		words := args(line)
		for _, w := range Redact(string(words[0]), words) {
			got = append(got, string(w))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is shown as %s", line, got)
		}
	}
}

// Somebody who tries passwords is counted, and does not fill the log.
func TestWrongPasswordsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		cfg := NewServer("pw", slog.New(slog.NewTextHandler(&log, nil)), "standalone", func() string { return "master" })
		s := New(cfg, 7, "a:1")
		for range 1000 {
			run(&s, "AUTH x")
		}
		<-time.After(seldom) // of the bubble's time
		run(&s, "HELLO 3 AUTH default y")
		if lines := strings.Count(log.String(), "\n"); lines != 2 || !strings.Contains(log.String(), "wrong_so_far=1001") {
			t.Errorf("%d lines: %s", lines, log.String())
		}
		if strings.Contains(log.String(), " y") || cfg.Wrong() != 1001 {
			t.Errorf("%d wrong; the log holds %s", cfg.Wrong(), log.String())
		}
	})
}
