package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestNearest(t *testing.T) {
	names := newModel(&grammar{}).names()
	for name, want := range map[string]string{
		"raft-adr":       "raft-addr",
		"redis-addres":   "redis-addr",
		"chekc-rise":     "check-rise",
		"timeout-conect": "timeout-connect",
		"roles":          "role",
		"jion":           "join",
		"backends":       "backend",
		"maxconn":        "proxy-maxconn",
		"secret":         "secret-file",
		"xyzzy":          "",
		"":               "",
		"p":              "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"ab", "ba", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	s := NewSecret("hush")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "secret", s, "options", Options{Secret: s})
	text, err := json.Marshal(map[string]any{"secret": s})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q", s, Options{Secret: s}, Options{Secret: s}, s, s) + log.String() + string(text)
	if strings.Contains(all, "hush") {
		t.Errorf("the secret shows in %s", all)
	}
	if s.Reveal() != "hush" || !s.Set() || NewSecret("").Set() || NewSecret("").String() != "unset" {
		t.Error("a secret must know itself")
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 150 * time.Millisecond: "150ms", 2 * time.Second: "2s", time.Minute: "1m", 90 * time.Second: "1m30s",
		time.Hour: "1h", time.Hour + time.Second: "1h0m1s", 24 * time.Hour: "24h",
	} {
		if got := short(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
		if back, err := time.ParseDuration(short(d)); err != nil || back != d {
			t.Errorf("%s reads as %v %v", short(d), back, err)
		}
	}
}

func TestQuoteShell(t *testing.T) {
	for s, want := range map[string]string{"": "''", "a:1": "a:1", "a b": "'a b'", "it's": `'it'\''s'`, "\x1b[2J": `"\x1b[2J"`, "é": "'é'"} {
		if got := quoteShell(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestHelpNamesEverySettingOnce(t *testing.T) {
	m := newModel(&grammar{})
	text := Load([]string{"--help"}, Sources{}).Help
	for _, f := range m.settings() {
		n := strings.Count(text, "\n  --"+f.Name+"=") + strings.Count(text, "\n  --"+f.Name+" ")
		if n != 1 || f.Help == "" {
			t.Errorf("--%s: %d times in the help", f.Name, n)
		}
	}
	for line := range strings.Lines(text) {
		if len([]rune(line)) > 101 || strings.TrimRight(line, " \n") != strings.TrimSuffix(line, "\n") {
			t.Errorf("line %q", line)
		}
	}
	if strings.Contains(text, "start ") && strings.Contains(text, "\n  start") {
		t.Error("the hidden default command shows")
	}
}

func TestHelpOfCommands(t *testing.T) {
	for _, c := range []string{"status", "members", "remove", "transfer", "health", "version"} {
		for _, args := range [][]string{{c, "--help"}, {c, "-h"}, {"help", c}} {
			if text := Load(args, Sources{}).Help; !strings.HasPrefix(text, "usage: pingd "+c) {
				t.Errorf("%q: got %q", args, text)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	for addr, ok := range map[string]bool{
		":0": true, ":65535": true, "127.0.0.1:80": true, "[::1]:80": true, "a-b.c_d:1": true, "[fe80::1%eth0]:1": true,
		"": false, "80": false, ":": false, ":65536": false, ":-1": false, ":08": false, "::1:80": false, "a b:1": false,
		"1.2.3:80": false, "999.1.1.1:1": false, "-a:1": false, "a..b:1": false, "[zz::]:1": false,
	} {
		if rule := checkAddr(addr); (rule == "") != ok {
			t.Errorf("%q: got %q, want ok %v", addr, rule, ok)
		}
	}
}
