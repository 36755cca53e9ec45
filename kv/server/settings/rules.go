package settings

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

type kind uint8

const (
	text kind = iota
	number
	memory    // a number of bytes, may be written 64mb
	yesNo     // yes or no
	choice    // one of words
	flags     // letters of notify-keyspace-events
	buffers   // client-output-buffer-limit
	immutable // only the command line sets it
)

// rule says what a setting may be.
type rule struct {
	kind     kind
	value    string // default
	min, max int64  // of numbers
	words    []string
}

// check returns the value to store, or what is wrong with it in Redis's words.
func (r rule) check(old, v string) (value, problem string) {
	switch r.kind {
	case number, memory:
		return r.checkNumber(v)
	case yesNo:
		v = strings.ToLower(v)
		if v != "yes" && v != "no" {
			return "", "argument must be 'yes' or 'no'"
		}
	case choice:
		v = strings.ToLower(v)
		if !slices.Contains(r.words, v) {
			return "", "argument(s) must be one of the following: " + strings.Join(r.words, ", ")
		}
	case flags:
		canon, ok := Events(v)
		if !ok {
			return "", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."
		}
		v = canon
	case buffers:
		return mergeBuffers(old, v)
	case immutable:
		if v != old {
			return "", "can't set immutable config"
		}
	case text:
	}
	return v, ""
}

func (r rule) checkNumber(v string) (value, problem string) {
	n, ok := int64(0), false
	if r.kind == memory {
		if n, ok = ParseBytes(v); !ok {
			return "", "argument must be a memory value"
		}
	} else {
		var err error
		if n, err = strconv.ParseInt(v, 10, 64); err != nil {
			return "", "argument couldn't be parsed into an integer"
		}
	}
	if n < r.min || n > r.max {
		return "", "argument must be between " + strconv.FormatInt(r.min, 10) + " and " + strconv.FormatInt(r.max, 10) + " inclusive"
	}
	return strconv.FormatInt(n, 10), ""
}

// ParseBytes reads a size as Redis's configuration does (memtoull): a whole
// number with an optional unit b, k, kb, m, mb, g or gb; k is 1000, kb is 1024.
func ParseBytes(v string) (int64, bool) {
	digits := strings.TrimRight(v, "bBkKmMgG")
	unit, ok := map[string]int64{
		"": 1, "b": 1, "k": 1e3, "kb": 1 << 10, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30,
	}[strings.ToLower(v[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// Events returns the letters of notify-keyspace-events in Redis's order with A
// for all classes; ok is false if one is unknown.
func Events(v string) (canonical string, ok bool) {
	const classes = "g$lshzxetd" // what A stands for, with module events (d)
	if strings.Trim(v, classes+"AKEmn") != "" {
		return "", false
	}
	var b strings.Builder
	all := strings.Contains(v, "A")
	if !all {
		all = true
		for _, c := range classes {
			all = all && strings.ContainsRune(v, c)
		}
	}
	order := classes + "KEmn"
	if all {
		order = "KEmn"
		b.WriteByte('A')
	}
	for _, c := range order {
		if strings.ContainsRune(v, c) {
			b.WriteRune(c)
		}
	}
	return b.String(), true
}

// Limit is one class of client-output-buffer-limit: a client is cut once its
// unsent replies exceed Hard bytes, or Soft bytes for SoftSeconds. 0 = no limit.
type Limit struct{ Hard, Soft, SoftSeconds int64 }

// BufferLimit returns the limit of a class (normal, slave or pubsub) from the
// value of client-output-buffer-limit.
func BufferLimit(value, class string) Limit {
	f := strings.Fields(value)
	for i := 0; i+3 < len(f); i += 4 {
		if f[i] != class {
			continue
		}
		hard, _ := ParseBytes(f[i+1])
		soft, _ := ParseBytes(f[i+2])
		seconds, _ := ParseBytes(f[i+3])
		return Limit{hard, soft, seconds}
	}
	return Limit{}
}

// mergeBuffers replaces the classes named in v within old.
func mergeBuffers(old, v string) (value, problem string) {
	fields, changes := strings.Fields(old), strings.Fields(v)
	if len(changes)%4 != 0 || len(changes) == 0 {
		return "", "Wrong number of arguments in buffer limit configuration."
	}
	for i := 0; i < len(changes); i += 4 {
		class := strings.ToLower(changes[i])
		if class == "replica" {
			class = "slave"
		}
		at := slices.Index(fields, class)
		if at < 0 {
			return "", "Invalid client class specified in buffer limit configuration."
		}
		for j := 1; j < 4; j++ {
			n, ok := ParseBytes(changes[i+j])
			if !ok {
				return "", "Error in hard, soft or soft_seconds setting in buffer limit configuration."
			}
			fields[at+j] = strconv.FormatInt(n, 10)
		}
	}
	return strings.Join(fields, " "), ""
}
