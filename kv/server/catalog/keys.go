package catalog

import "strings"

// places returns first, last and step of the keys as COMMAND shows them beside
// the specifications: as one range where those join.
func (e *Entry) places() (first, last, step int) {
	for i, k := range e.Keys {
		end := k.Last
		if end >= 0 {
			end += k.First
		}
		if i == 0 {
			first, last, step = k.First, end, k.Step
			continue
		}
		first, last = min(first, k.First), max(last, end)
	}
	return first, last, step
}

// each calls fn with each key among the words of a call.
func (k *KeySpec) each(args [][]byte, fn func(key []byte)) {
	last := k.Last + k.First
	if k.Last < 0 {
		last = len(args) + k.Last
	}
	for i := k.First; i <= last && i < len(args); i += max(k.Step, 1) {
		fn(args[i])
	}
}

// EachKey calls fn with each key among the words of a call, the name included.
func (e *Entry) EachKey(args [][]byte, fn func(key []byte)) {
	for i := range e.Keys {
		e.Keys[i].each(args, fn)
	}
}

// keyFlags returns the flags of the keys of a specification in a call.
func (e *Entry) keyFlags(k *KeySpec, args [][]byte) []string {
	if e.Name != "set" {
		return k.Flags
	}
	for _, a := range args[min(3, len(args)):] {
		if strings.EqualFold(string(a), "GET") {
			return []string{"RW", "access", "update"}
		}
	}
	return []string{"OW", "update"}
}
