package catalog

import (
	_ "embed" // for the facts
	"fmt"
	"strconv"
	"strings"
	"sync"

	"pingd/kv/engine"
)

// commandFacts has one line for each command that is served, in fields separated
// by |: name, arity, flags, ACL categories, tips, key specifications, version that
// brought it. They are what Redis 7.0.15 answers to COMMAND INFO, and for our own
// commands what it would.
//
//go:embed commands.txt
var commandFacts string

// Facts are what COMMAND tells of a command beside its name and group.
type Facts struct {
	arity int
	Words []string // flags: readonly, fast ...
	ACL   []string // categories, with @
	Tips  []string
	Keys  []KeySpec
	Since string // version of Redis; empty for our own
}

// KeySpec says where keys are among the words of a call (Redis's key
// specifications of the type index and range).
type KeySpec struct {
	Flags       []string // RO, RW, OW or RM, then access, update, insert, delete ...
	First       int      // word
	Last        int      // from First; negative: from the end, -1 = the last word
	Step, Limit int
}

var facts = sync.OnceValue(func() map[string]Facts {
	all := map[string]Facts{}
	for line := range strings.Lines(commandFacts) {
		name, f, err := parseFacts(strings.TrimSuffix(line, "\n"))
		if err != nil {
			panic(fmt.Sprintf("facts of commands: %v in %q", err, line)) // a test reads them all
		}
		all[strings.ReplaceAll(name, " ", "|")] = f
	}
	return all
})

// factsOf returns the facts of a command. A command of the engine that Redis does
// not have is described as its engine does.
func factsOf(name string, spec *engine.Spec) Facts {
	f, known := facts()[name]
	if known || spec == nil {
		return f
	}
	f.arity = spec.Arity
	for _, w := range []struct {
		flag engine.Flags
		word string
	}{{engine.Write, "write"}, {engine.Read, "readonly"}, {engine.DenyOOM, "denyoom"}, {engine.Fast, "fast"}} {
		if spec.Flags&w.flag != 0 {
			f.Words = append(f.Words, w.word)
		}
	}
	kind, access := "@read", "RO"
	if spec.Flags&engine.Write != 0 {
		kind, access = "@write", "RW"
	}
	f.ACL = []string{"@keyspace", kind, "@slow"}
	if spec.FirstKey > 0 {
		k := KeySpec{Flags: []string{access}, First: spec.FirstKey, Last: spec.LastKey, Step: spec.KeyStep}
		if k.Last > 0 {
			k.Last -= k.First
		}
		f.Keys = []KeySpec{k}
	}
	return f
}

func parseFacts(line string) (name string, f Facts, err error) {
	w := strings.Split(line, "|")
	if len(w) != 7 {
		return "", f, fmt.Errorf("%d fields", len(w))
	}
	if f.arity, err = strconv.Atoi(w[1]); err != nil {
		return "", f, err
	}
	f.Words, f.Tips, f.Since = strings.Fields(w[2]), strings.Fields(w[4]), w[6]
	for _, cat := range strings.Fields(w[3]) {
		f.ACL = append(f.ACL, "@"+cat)
	}
	if w[5] == "" {
		return w[0], f, nil
	}
	for spec := range strings.SplitSeq(w[5], ", ") {
		flags, at, _ := strings.Cut(spec, " @")
		k := KeySpec{Flags: strings.Fields(flags)}
		if _, err = fmt.Sscanf(at, "%d %d/%d/%d", &k.First, &k.Last, &k.Step, &k.Limit); err != nil {
			return "", f, err
		}
		f.Keys = append(f.Keys, k)
	}
	return w[0], f, nil
}

// SubsOf returns the names of the subcommands that a container command of Redis
// has, nil for another command.
func SubsOf(container string) []string {
	var subs []string
	for name := range facts() {
		if sub, ok := strings.CutPrefix(name, container+"|"); ok {
			subs = append(subs, sub)
		}
	}
	return subs
}
