package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Table finds the T of a request. Make it with NewTable; afterwards it never
// changes, and any number of goroutines may use it.
type Table[T any] struct {
	exact map[string][]path[T]
	wild  []suffix[T] // longest first
	any   []path[T]
}

// path is a path of a host with what it stands for.
type path[T any] struct {
	prefix string
	to     T
}

type suffix[T any] struct {
	end   string // with the dot
	paths []path[T]
}

// Entry is one route.
type Entry[T any] struct {
	Pattern Pattern
	To      T
}

// ErrTwice is returned for two routes with one pattern.
var ErrTwice = errors.New("two routes are for the same host and path")

// NewTable returns a Table of entries.
func NewTable[T any](entries []Entry[T]) (*Table[T], error) {
	t := &Table[T]{exact: map[string][]path[T]{}}
	wild := map[string][]path[T]{}
	seen := map[Pattern]bool{}
	for _, e := range entries {
		if seen[e.Pattern] {
			return nil, fmt.Errorf("%s: %w", e.Pattern, ErrTwice)
		}
		seen[e.Pattern] = true
		p := path[T]{e.Pattern.Path, e.To}
		switch end, isWild := strings.CutPrefix(e.Pattern.Host, "*"); {
		case isWild:
			wild[end] = append(wild[end], p)
		case e.Pattern.Host == "":
			t.any = append(t.any, p)
		default:
			t.exact[e.Pattern.Host] = append(t.exact[e.Pattern.Host], p)
		}
	}
	for _, paths := range t.exact {
		longestFirst(paths)
	}
	longestFirst(t.any)
	for end, paths := range wild {
		longestFirst(paths)
		t.wild = append(t.wild, suffix[T]{end, paths})
	}
	slices.SortFunc(t.wild, func(a, b suffix[T]) int { return cmp.Compare(len(b.end), len(a.end)) })
	return t, nil
}

func longestFirst[T any](paths []path[T]) {
	slices.SortFunc(paths, func(a, b path[T]) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
}

// maxHost is the longest host name that there is (RFC 1035 section 2.3.4), with
// room for a port.
const maxHost = 253 + 6

// Match returns what the request for host, as it stands in the Host field, and
// target is for; ok is false when there is no route for it. It does not allocate.
func (t *Table[T]) Match(host, target []byte) (to T, ok bool) {
	if i := slices.IndexFunc(target, func(c byte) bool { return c == '?' }); i >= 0 {
		target = target[:i]
	}
	var buf [maxHost]byte
	if name := plain(buf[:0], host); len(name) > 0 {
		if to, ok := match(t.exact[string(name)], target); ok {
			return to, true
		}
		for i := range t.wild {
			if w := &t.wild[i]; len(name) > len(w.end) && string(name[len(name)-len(w.end):]) == w.end {
				if to, ok := match(w.paths, target); ok {
					return to, true
				}
			}
		}
	}
	return match(t.any, target)
}

func match[T any](paths []path[T], target []byte) (to T, ok bool) {
	for i := range paths {
		p := &paths[i]
		n := len(p.prefix)
		if n == 0 || len(target) >= n && string(target[:n]) == p.prefix && (len(target) == n || target[n] == '/') {
			return p.to, true
		}
	}
	return to, false
}

// plain takes port, final dot and case off a host; what cannot be one is nothing.
func plain(dst, host []byte) []byte {
	if len(host) > maxHost {
		return nil
	}
	if i := slices.Index(host, ':'); i >= 0 && host[0] != '[' {
		host = host[:i]
	} else if j := slices.Index(host, ']'); j >= 0 && host[0] == '[' {
		host = host[:j+1]
	}
	if n := len(host); n > 0 && host[n-1] == '.' {
		host = host[:n-1]
	}
	for _, c := range host {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}
