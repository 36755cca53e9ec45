package config

import (
	"fmt"
	"io"
	"strings"
)

// Problem is one mistake in the configuration, told to the person who made it.
type Problem struct {
	Where string // the flag, variable or line, with its value: "--check-rise=0"
	Rule  string // what is wrong, or what must hold: "must be 1 or more"
	Hint  string // what to type instead, or to do; one line
}

// Error returns "where: rule" and the hint on a line of its own.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Where != "" {
		b.WriteString(p.Where + ": ")
	}
	b.WriteString(p.Rule)
	if p.Hint != "" {
		b.WriteString("\nhint: " + p.Hint)
	}
	return b.String()
}

// Report writes all problems to w, as pingd prints them.
func Report(w io.Writer, problems []Problem) {
	for _, p := range problems {
		fmt.Fprintf(w, "pingd: %v\n", p)
	}
	if len(problems) > 1 {
		fmt.Fprintf(w, "pingd: %d mistakes; nothing was started\n", len(problems))
	}
}

// Kind is the place a setting was read from.
type Kind int

// The places a setting is read from; a higher one is weaker.
const (
	FromFlag Kind = iota
	FromEnv
	FromFile
	FromDefault
)

// Source tells where a setting came from. The zero value is the command line.
type Source struct {
	Kind Kind
	Name string // variable, for FromEnv; file, for FromFile
	Line int    // for FromFile, from 1
}

// String names the place in a few words.
func (s Source) String() string {
	switch s.Kind {
	case FromFlag:
		return "flag"
	case FromEnv:
		return s.Name
	case FromFile:
		return fmt.Sprintf("%s:%d", s.Name, s.Line)
	default:
		return "default"
	}
}

// spell writes the setting flag with a value in the words of the place it came
// from, so that a hint can be pasted there.
func (s Source) spell(flag, value string) string {
	switch s.Kind {
	case FromEnv:
		return s.Name + "=" + quoteShell(value)
	case FromFile:
		return fmt.Sprintf("%s:%d: %s = %s", s.Name, s.Line, flag, value)
	default:
		return "--" + flag + "=" + quoteShell(value)
	}
}

// quoteShell quotes s for a POSIX shell where that is needed, and makes control
// characters visible: a value from outside must not write to a terminal.
func quoteShell(s string) string {
	if s == "" {
		return "''"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Sprintf("%q", s)
	}
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_./:,@%+=[]", r)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
