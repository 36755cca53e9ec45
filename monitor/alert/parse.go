package alert

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseError says which rule a line breaks, and gives an example that does not.
type ParseError struct {
	Rule string // what must hold
	Hint string // a line, or a part of one, to type instead
}

// Error implements error.
func (e *ParseError) Error() string { return e.Rule + "\nhint: " + e.Hint }

const (
	example   = "10min_cpu_usage: cpu.busy avg 10m warn > 85 clear 75 crit > 95 clear 85 for 1m down 15m"
	maxWindow = time.Hour // what is in memory
	maxTime   = 24 * time.Hour
	maxLine   = 1000
)

// Parse reads a rule; the package's comment tells its form. The error is a
// *ParseError.
func Parse(line string) (Rule, error) {
	r, err := parse(line)
	if err == nil {
		err = r.check()
	}
	if err != nil {
		var p *ParseError
		if !errors.As(err, &p) {
			err = &ParseError{err.Error(), example}
		}
		return Rule{}, err
	}
	return r, nil
}

func parse(line string) (Rule, error) {
	if len(line) > maxLine {
		return Rule{}, fmt.Errorf("a rule of %d characters, at most %d", len(line), maxLine)
	}
	name, rest, ok := strings.Cut(line, ":")
	name = strings.TrimSpace(name)
	if !ok || !isName(name) {
		return Rule{}, errors.New("a rule begins with its name and a colon; a name is letters, digits, dashes and underscores")
	}
	w := words{strings.Fields(rest)}
	r := Rule{Name: name, Func: Last}
	if w.is("off") && len(w.left) == 1 {
		r.Off = true
		return r, nil
	}
	r.Series = w.next()
	if f := Function(w.peek()); f == Avg || f == Min || f == Max || f == Sum {
		w.next()
		r.Func = f
		var err error
		if r.Window, err = w.duration("the window of "+string(f), time.Second, maxWindow); err != nil {
			return r, err
		}
	}
	return r, r.clauses(&w)
}

// clauses reads what follows the series.
func (r *Rule) clauses(w *words) (err error) {
	op := ""
	for len(w.left) > 0 {
		switch word := w.next(); word {
		case "warn", "crit":
			level := &r.Warn
			if word == "crit" {
				level = &r.Crit
			}
			if err = w.level(word, level, &op); err != nil {
				return err
			}
		case "for":
			if r.For, err = w.duration("for", 0, maxTime); err != nil {
				return err
			}
		case "down":
			if r.Down, err = w.duration("down", 0, maxTime); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q is not expected after %q; a rule goes on with warn, crit, for or down", word, r.Series)
		}
	}
	r.Below = op == "<"
	return nil
}

// words are the rest of a line.
type words struct{ left []string }

func (w *words) peek() string {
	if len(w.left) == 0 {
		return ""
	}
	return w.left[0]
}

func (w *words) next() string {
	s := w.peek()
	if len(w.left) > 0 {
		w.left = w.left[1:]
	}
	return s
}

func (w *words) is(s string) bool { return w.peek() == s }

func (w *words) duration(of string, least, most time.Duration) (time.Duration, error) {
	text := w.next()
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most || d%time.Second != 0 {
		return 0, fmt.Errorf("%s is %q, and must be whole seconds from %s to %s, such as 30s or 10m", of, text, short(least), short(most))
	}
	return d, nil
}

// level reads "> 85 clear 75".
func (w *words) level(of string, l *Level, op *string) error {
	if l.Set {
		return fmt.Errorf("%s is set twice", of)
	}
	sign := w.next()
	if sign != ">" && sign != "<" {
		return fmt.Errorf("%s is followed by %q, and must be by > or <", of, sign)
	}
	if *op != "" && *op != sign {
		return errors.New("warn and crit must look the same way, both > or both <")
	}
	*op = sign
	raise, err := w.number(of)
	if err != nil {
		return err
	}
	*l = Level{Raise: raise, Clear: raise, Set: true}
	if w.is("clear") {
		w.next()
		if l.Clear, err = w.number("the clear level of " + of); err != nil {
			return err
		}
	}
	return nil
}

func (w *words) number(of string) (float64, error) {
	text := w.next()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%s is %q, and must be a number", of, text)
	}
	return v, nil
}

// check finds what contradicts itself.
func (r *Rule) check() error {
	if r.Off {
		return nil
	}
	if err := checkSeries(r.Series); err != nil {
		return err
	}
	if !r.Warn.Set && !r.Crit.Set {
		return errors.New("a rule needs a level, warn or crit")
	}
	beyond := func(a, b float64) bool { return a > b != r.Below && a != b }
	for _, l := range [...]Level{r.Warn, r.Crit} {
		if l.Set && beyond(l.Clear, l.Raise) {
			return &ParseError{
				fmt.Sprintf("clear %s lies beyond the level %s that raises it", number(l.Clear), number(l.Raise)),
				fmt.Sprintf("clear %s", number(l.Raise)),
			}
		}
	}
	if r.Warn.Set && r.Crit.Set && beyond(r.Warn.Raise, r.Crit.Raise) {
		return &ParseError{
			fmt.Sprintf("warn %s is reached later than crit %s", number(r.Warn.Raise), number(r.Crit.Raise)),
			"swap the two levels",
		}
	}
	return nil
}

// families are the first words of series, from the names of package record.
var families = []string{
	"backend", "backends", "clock", "conntrack", "container", "counter", "cpu", "disk", "fd", "host", "latency", "load", "mem",
	"net", "node", "nodes", "procs", "proxy", "psi", "raft", "requests", "self", "space", "store", "swap", "tcp", "temp", "visits",
}

func checkSeries(s string) error {
	switch {
	case s == "":
		return errors.New("a rule needs a series after its name")
	case strings.Count(s, "*") > 1:
		return fmt.Errorf("series %q holds more than one *", s)
	case len(s) > 256:
		return fmt.Errorf("series of %d characters", len(s))
	}
	first, _, dotted := strings.Cut(s, ".")
	if dotted && slices.Contains(families, first) {
		return nil
	}
	if strings.HasPrefix(s, "*") {
		return fmt.Errorf("series %q begins with *; name at least what kind of series it is", s)
	}
	hint := "GET /api/v1/names lists the series there are; they begin with " + strings.Join(families, ", ")
	if n := nearest(first); n != "" {
		hint = strings.Replace(s, first, n, 1)
	}
	return &ParseError{fmt.Sprintf("there is no series %q", s), hint}
}

// nearest is the family that differs from word by one letter or two that changed
// places, empty if there is none.
func nearest(word string) string {
	for _, f := range families {
		if distance(word, f) <= 1 {
			return f
		}
	}
	for _, f := range families {
		if len(word) > 3 && (distance(word, f) <= 2 || strings.HasPrefix(f, word)) {
			return f
		}
	}
	return ""
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 63
}
