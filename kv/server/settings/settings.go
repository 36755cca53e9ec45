package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"pingd/kv/engine/glob"
)

// Table holds the settings of one server. It is safe for concurrent use.
type Table struct {
	onChange func(name, value string)

	mu     sync.RWMutex
	values map[string]string // by name, never by alias
}

// New returns a table of defaults. onChange, unless nil, is called by Set for
// each value that was set, after all of them have been stored.
func New(onChange func(name, value string)) *Table {
	t := &Table{onChange: onChange, values: make(map[string]string, len(rules))}
	for name, r := range rules {
		t.values[name] = r.value
	}
	return t
}

// Pair is one setting with its value.
type Pair struct{ Name, Value string }

// Match returns the settings whose name matches any of the patterns, sorted by
// name. An alias is listed beside its name when a pattern matches it (CONFIG GET).
func (t *Table) Match(patterns [][]byte) []Pair {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var found []Pair
	for name, value := range t.values {
		if matchAny(patterns, name) {
			found = append(found, Pair{name, value})
		}
	}
	for alias, name := range aliases {
		if matchAny(patterns, alias) {
			found = append(found, Pair{alias, t.values[name]})
		}
	}
	slices.SortFunc(found, func(a, b Pair) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

func matchAny(patterns [][]byte, name string) bool {
	for _, p := range patterns {
		if glob.Match([]byte(strings.ToLower(string(p))), []byte(name)) {
			return true
		}
	}
	return false
}

// Get returns a setting by its name or alias in any case, "" if there is none.
func (t *Table) Get(name string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.values[canonical(name)]
}

// Int returns a numeric setting, 0 if it is not one.
func (t *Table) Int(name string) int64 {
	n, err := strconv.ParseInt(t.Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Preset gives a setting the value that the process was started with, past its
// rule. The setting must exist.
func (t *Table) Preset(name, value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.values[name]; !ok {
		panic("settings: no setting " + name)
	}
	t.values[name] = value
}

// Set stores all the values or, on an error, none (CONFIG SET). The error's text
// is Redis's reply.
func (t *Table) Set(pairs []Pair) error {
	checked := make([]Pair, 0, len(pairs))
	for _, p := range pairs {
		name := canonical(p.Name)
		r, ok := rules[name]
		if !ok {
			return fmt.Errorf("ERR Unknown option or number of arguments for CONFIG SET - '%.128s'", p.Name)
		}
		if slices.ContainsFunc(checked, func(c Pair) bool { return c.Name == name }) {
			return failed(p.Name, "duplicate parameter")
		}
		value, problem := r.check(t.Get(name), p.Value)
		if problem != "" {
			return failed(p.Name, problem)
		}
		checked = append(checked, Pair{name, value})
	}
	t.mu.Lock()
	for _, p := range checked {
		t.values[p.Name] = p.Value
	}
	t.mu.Unlock()
	if t.onChange != nil {
		for _, p := range checked {
			t.onChange(p.Name, p.Value)
		}
	}
	return nil
}

func failed(name, problem string) error {
	return fmt.Errorf("ERR CONFIG SET failed (possibly related to argument '%.128s') - %s", name, problem)
}

func canonical(name string) string {
	name = strings.ToLower(name)
	if to, ok := aliases[name]; ok {
		return to
	}
	return name
}
