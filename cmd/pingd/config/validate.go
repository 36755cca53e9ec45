package config

import (
	"fmt"
	"strings"
	"time"
)

// Validate returns every rule that o breaks, in the order of the help. It reads
// nothing but o.
func Validate(o Options) []Problem {
	v := &validator{o: &o}
	v.general()
	if v.role() {
		v.foreign()
		v.needs()
		v.exposure()
	}
	v.tls()
	v.command()
	v.listeners()
	v.store()
	v.proxy()
	v.counter()
	v.monitor()
	return v.problems
}

type validator struct {
	o        *Options
	problems []Problem
}

// bad notes that flag has a value that breaks rule; example is a value that does not.
func (v *validator) bad(flag string, value any, rule, example string) {
	at := v.o.Given[flag]
	v.problems = append(v.problems, Problem{at.spell(flag, fmt.Sprint(value)), rule, at.spell(flag, example)})
}

// advise notes a problem whose way out is not another value of the same flag.
func (v *validator) advise(where, rule, hint string) {
	v.problems = append(v.problems, Problem{where, rule, hint})
}

// spell writes a setting as its user wrote it.
func (v *validator) spell(flag string, value any) string {
	return v.o.Given[flag].spell(flag, fmt.Sprint(value))
}

// like writes a setting of flag in the words in which model was given: those who
// set variables are told of variables.
func (v *validator) like(model, flag, value string) string {
	if v.o.Given[model].Kind == FromEnv {
		return envName(flag) + "=" + quoteShell(value)
	}
	return "--" + flag + "=" + quoteShell(value)
}

func (v *validator) oneOf(flag, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	v.bad(flag, value, "must be one of "+strings.Join(allowed, ", "), orFirst(nearest(value, allowed), allowed))
}

func orFirst(s string, all []string) string {
	if s == "" {
		return all[0]
	}
	return s
}

func (v *validator) count(flag string, value, least, most int, example string) {
	if value < least || value > most {
		v.bad(flag, value, fmt.Sprintf("must be from %d to %d", least, most), example)
	}
}

func (v *validator) duration(flag string, value, least, most time.Duration, example string) {
	if value < least || value > most {
		v.bad(flag, value, fmt.Sprintf("must be from %s to %s", short(least), short(most)), example)
	}
}

// short writes a duration without its zero parts: 1m, not 1m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// role validates --role, and tells whether the rules that depend on it make sense.
func (v *validator) role() bool {
	ok := len(v.o.Role) > 0
	if !ok {
		v.bad("role", "", "names no role", All)
	}
	roles := append(Roles(), All)
	for _, r := range v.o.Role {
		if !contains(roles, r) {
			ok = false
			v.bad("role", strings.Join(v.o.Role, ","), fmt.Sprintf("%q is no role; must be any of %s, separated by commas", r, strings.Join(roles, ", ")), orFirst(nearest(r, roles), []string{All}))
		}
	}
	return ok
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// foreign finds flags on the command line that belong to a role that is not
// started. The environment and a file are often shared by several processes: what
// they say about other roles is passed over.
func (v *validator) foreign() {
	for _, f := range newModel(&grammar{}).settings() {
		at, given := v.o.Given[f.Name]
		roles := rolesOf(f)
		if !given || at.Kind != FromFlag || len(roles) == 0 {
			continue
		}
		if v.o.Command.Name != "" {
			v.advise("--"+f.Name, "says nothing to the command "+v.o.Command.Name, "leave --"+f.Name+" out; pingd "+v.o.Command.Name+" --help lists its flags")
			continue
		}
		started := false
		for _, r := range roles {
			started = started || v.o.Starts(r)
		}
		if !started {
			v.advise("--"+f.Name, "belongs to role "+strings.Join(roles, " or ")+", which is not started",
				"--role="+strings.Join(append(append([]string{}, v.o.Role...), roles[0]), ",")+", or leave --"+f.Name+" out")
		}
	}
}

// needs finds roles without what they cannot do without.
func (v *validator) needs() {
	o := v.o
	if o.Command.Name != "" || o.Starts(Store) || len(o.Join) > 0 {
		return
	}
	roles := strings.Join(o.Role, ",")
	where := v.spell("role", roles)
	join, backend := v.like("role", "join", "127.0.0.1:"+DefaultRedisPort), v.like("role", "backend", "127.0.0.1:8000")
	if o.Given["role"].Kind == FromEnv { // an image's: this machine is nobody else's
		join, backend = v.like("role", "join", "store:"+DefaultRedisPort), v.like("role", "backend", "app:8000")
	}
	if o.Starts(Counter) {
		v.advise(where, "a counter needs a store", join+", or "+v.like("role", "role", roles+",store"))
	}
	if o.Starts(Sentinel) {
		v.advise(where, "a sentinel without a store of its own needs one to tell about", join)
	}
	if o.Starts(Proxy) && len(o.Backend)+len(o.Route)+len(o.ProxyTCP) == 0 {
		v.advise(where, "the proxy has no server to forward to", backend+", or "+join+" for those that register")
	}
}
