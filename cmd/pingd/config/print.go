package config

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Print writes the settings in force as lines of a configuration file, each with
// the place it came from; settings of roles that are not started are left out.
// The secret itself is never written.
func Print(w io.Writer, o Options) {
	g := &grammar{Options: o}
	for _, f := range newModel(g).settings() {
		if f.Name == "config" || f.Name == "check" || !o.uses(f) {
			continue
		}
		from := "default"
		if at, ok := o.Given[f.Name]; ok {
			from = at.String()
		}
		for _, value := range valuesOf(f) {
			line := f.Name + " = " + value
			if value == `""` {
				line = "# " + f.Name + " ="
			}
			fmt.Fprintf(w, "%-40s # %s\n", line, from)
		}
	}
	fmt.Fprintf(w, "# secret: %s\n", o.Secret)
}

// uses tells whether the process started by o looks at the flag.
func (o *Options) uses(f *kong.Flag) bool {
	roles := rolesOf(f)
	for _, r := range roles {
		if o.Starts(r) {
			return true
		}
	}
	return len(roles) == 0
}

// valuesOf writes the values of a flag as in a file: one, or one for each line of
// a list whose values may hold commas.
func valuesOf(f *kong.Flag) []string {
	switch v := f.Target.Interface().(type) {
	case time.Duration:
		return []string{short(v)}
	case []string:
		if len(v) == 0 || listSep(f.Value) == "," {
			return []string{quoteFile(strings.Join(v, ","))}
		}
		quoted := make([]string, len(v))
		for i := range v {
			quoted[i] = quoteFile(v[i])
		}
		return quoted
	case string:
		if f.Tag.Get("secret") == "url" && v != "" {
			return []string{quoteFile(masked(v))}
		}
		return []string{quoteFile(v)}
	default:
		return []string{quoteFile(fmt.Sprint(v))}
	}
}

// masked is an address without what may be a password in it: all but its host.
func masked(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "***"
	}
	return u.Scheme + "://" + u.Host + "/***"
}
