package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxFile is the largest configuration file read, in bytes.
const MaxFile = 1 << 20

// Setting is one line of a configuration file.
type Setting struct {
	Key, Value string
	Line       int // from 1
}

// ParseFile reads the text of a configuration file. Each line is empty, a comment
// or a setting:
//
//	# the proxy in front
//	role    = proxy
//	backend = 127.0.0.1:9001 weight=3
//	backend = 127.0.0.1:9002            # a list grows with each line
//	prefix  = " spaces # kept "
//
// A key is a flag's name without its dashes. A # begins a comment at the start of
// a line or after white space; a value in double quotes is taken as it stands
// between them. Lines that say nothing of the kind are returned as problems, and
// the others all the same. name is the file, for the problems.
func ParseFile(name, text string) ([]Setting, []Problem) {
	var settings []Setting
	var problems []Problem
	if len(text) > MaxFile {
		return nil, []Problem{{Where: name, Rule: fmt.Sprintf("is larger than %d bytes", MaxFile), Hint: "--config takes a file of lines such as: role = proxy"}}
	}
	text = strings.TrimPrefix(text, "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		s, rule := parseLine(line)
		switch {
		case rule != "":
			problems = append(problems, Problem{
				Where: fmt.Sprintf("%s:%d", name, i+1), Rule: rule, Hint: `write a flag's name, = and a value, such as: role = proxy`,
			})
		case s.Key != "":
			s.Line = i + 1
			settings = append(settings, s)
		}
	}
	return settings, problems
}

// parseLine reads one line: a setting, or nothing (no key), or a rule it breaks.
func parseLine(line string) (s Setting, rule string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return Setting{}, ""
	}
	if !utf8.ValidString(line) {
		return Setting{}, "is not UTF-8 text"
	}
	key, value, ok := strings.Cut(line, "=")
	key = strings.TrimPrefix(strings.TrimSpace(key), "--")
	if !ok || !isKey(key) {
		return Setting{}, "is not a setting"
	}
	value, rule = parseValue(strings.TrimSpace(value))
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		rule = "holds a control character"
	}
	return Setting{Key: key, Value: value}, rule
}

// parseValue takes quotes and a comment off a value without white space around it.
func parseValue(v string) (value, rule string) {
	if !strings.HasPrefix(v, `"`) {
		for i := range len(v) {
			if v[i] == '#' && (i == 0 || v[i-1] == ' ' || v[i-1] == '\t') {
				return strings.TrimSpace(v[:i]), ""
			}
		}
		return v, ""
	}
	value, rest, ok := strings.Cut(v[1:], `"`)
	if !ok {
		return "", "opens a quote and does not close it"
	}
	if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '#' {
		return "", "goes on after the closing quote"
	}
	return value, ""
}

func isKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return s != ""
}

// quoteFile writes a value so that ParseFile reads it back. A double quote inside
// a value that needs quotes cannot be written; no setting has a use for one.
func quoteFile(v string) string {
	if strings.HasPrefix(v, `"`) || strings.ContainsAny(v, "#") || v != strings.TrimSpace(v) || v == "" {
		return `"` + v + `"`
	}
	return v
}
