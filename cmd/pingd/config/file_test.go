package config

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseFile(t *testing.T) {
	text := "\ufeff# comment\r\n\n role = proxy\r\nbackend=a:1 weight=2 # comment\n--name = n1\nprefix = \" # kept \" # comment\nkey#=1\nempty =\ntag = a#b\n"
	settings, problems := ParseFile("f", text)
	want := []Setting{
		{"role", "proxy", 3},
		{"backend", "a:1 weight=2", 4},
		{"name", "n1", 5},
		{"prefix", " # kept ", 6},
		{"empty", "", 8},
		{"tag", "a#b", 9},
	}
	if len(settings) != len(want) {
		t.Fatalf("got %v, want %v", settings, want)
	}
	for i := range want {
		if settings[i] != want[i] {
			t.Errorf("setting %d: got %+v, want %+v", i, settings[i], want[i])
		}
	}
	if len(problems) != 1 || problems[0].Where != "f:7" {
		t.Errorf("got problems %v, want one in line 7", problems)
	}
}

func TestParseFileRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"role proxy":                      "is not a setting",
		"= x":                             "is not a setting",
		"[section]":                       "is not a setting",
		"Role = proxy":                    "is not a setting",
		`name = "a`:                       "opens a quote",
		`name = "a" b`:                    "goes on after the closing quote",
		"name = \xff":                     "is not UTF-8",
		"name = a\x00b":                   "control character",
		strings.Repeat("#", 1<<20) + "\n": "is larger than",
	} {
		settings, problems := ParseFile("f", text)
		if len(settings) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Rule, want) {
			t.Errorf("%.20q: got %v %v, want %q", text, settings, problems, want)
		}
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add("role = proxy\nbackend = a:1 # x\nprefix = \" # \"\n")
	f.Add("\ufeff\r\n=\n\"\nname = \"")
	f.Fuzz(func(t *testing.T, text string) {
		settings, problems := ParseFile("f", text)
		if lines := strings.Count(text, "\n") + 1; len(settings)+len(problems) > lines {
			t.Fatalf("%d settings and %d problems in %d lines", len(settings), len(problems), lines)
		}
		for _, s := range settings {
			if !isKey(s.Key) || s.Line < 1 || !utf8.ValidString(s.Value) || strings.ContainsAny(s.Value, "\n\x00") {
				t.Errorf("setting %+v", s)
			}
			if strings.Contains(s.Value, `"`) {
				continue // quoteFile cannot write every one
			}
			again, problems := ParseFile("f", s.Key+" = "+quoteFile(s.Value)+" # comment")
			if len(problems) > 0 || len(again) != 1 || again[0].Key != s.Key || again[0].Value != s.Value {
				t.Errorf("%+v written and read again: %+v %v", s, again, problems)
			}
		}
	})
}
