package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// model is the parser over one grammar, with every mistake in a value noted
// instead of ending the parse at the first.
type model struct {
	*kong.Kong
	grammar  *grammar
	given    map[string]Source // as found so far, by flag
	problems []Problem
}

// newModel builds the parser for g. The grammar is fixed at compile time, so that
// an error here is a mistake in it, which any test finds.
func newModel(g *grammar, options ...kong.Option) *model {
	m := &model{grammar: g, given: map[string]Source{}}
	decode := func(wanted func(flag, text string, target reflect.Value) (rule, example string)) kong.MapperFunc {
		return func(ctx *kong.DecodeContext, target reflect.Value) error { return m.decode(ctx, target, wanted) }
	}
	k, err := kong.New(g, append(options,
		kong.Name("pingd"), kong.NoDefaultHelp(),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), decode(decodeDuration)),
		kong.KindMapper(reflect.Int, decode(decodeInt)),
		kong.KindMapper(reflect.Bool, decode(decodeBool)),
		kong.TypeMapper(reflect.TypeFor[[]string](), decode(nil)),
	)...)
	if err != nil {
		panic(fmt.Sprintf("grammar of the command line: %v", err))
	}
	m.Kong = k
	return m
}

// decode reads one value. A mistake is noted, and the default put in its place so
// that it is not reported a second time by a rule.
func (m *model) decode(ctx *kong.DecodeContext, target reflect.Value, into func(string, string, reflect.Value) (string, string)) error {
	flag, text := ctx.Value.Name, "true"
	if t := ctx.Scan.Peek(); target.Kind() != reflect.Bool || t.Type == kong.FlagValueToken {
		text = ctx.Scan.Pop().String()
	}
	if target.Kind() == reflect.Slice {
		for part := range strings.SplitSeq(text, listSep(ctx.Value)) {
			// An empty part is dropped, as a trailing comma in a variable makes one.
			if part = strings.TrimSpace(part); part != "" {
				target.Set(reflect.Append(target, reflect.ValueOf(part)))
			}
		}
		return nil
	}
	rule, example := into(flag, text, target)
	if rule == "" {
		return nil
	}
	if ctx.Value.HasDefault {
		into(flag, ctx.Value.Default, target)
		example = ctx.Value.Default
	}
	at := m.given[flag]
	m.problems = append(m.problems, Problem{at.spell(flag, text), rule, at.spell(flag, example)})
	return nil
}

func decodeDuration(_, text string, target reflect.Value) (rule, example string) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return "must be a time with its unit, such as 150ms, 2s or 1m30s", "2s"
	}
	target.SetInt(int64(d))
	return "", ""
}

func decodeInt(_, text string, target reflect.Value) (rule, example string) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return "must be a whole number", "1"
	}
	target.SetInt(int64(n))
	return "", ""
}

func decodeBool(_, text string, target reflect.Value) (rule, example string) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "1":
		target.SetBool(true)
	case "false", "no", "off", "0":
		target.SetBool(false)
	default:
		return "must be true or false", "true"
	}
	return "", ""
}

// listSep returns what stands between the values of a list: a comma, or the end of
// a line for values that may hold commas themselves. Those are repeated on the
// command line and in a file, and in a variable separated by commas all the same.
func listSep(v *kong.Value) string {
	if v.Tag.Sep == -1 {
		return "\n"
	}
	return ","
}

// settings returns every flag that may stand in the environment and in a file.
func (m *model) settings() []*kong.Flag { return m.Model.Flags }

// setting returns the flag of that name.
func (m *model) setting(name string) (*kong.Flag, bool) {
	i := slices.IndexFunc(m.Model.Flags, func(f *kong.Flag) bool { return f.Name == name })
	if i < 0 {
		return nil, false
	}
	return m.Model.Flags[i], true
}

// names returns the names of all settings.
func (m *model) names() []string {
	var names []string
	for _, f := range m.settings() {
		names = append(names, f.Name)
	}
	return names
}

// rolesOf returns the roles a flag belongs to; none means every process.
func rolesOf(f *kong.Flag) []string {
	if s := f.Tag.Get("roles"); s != "" {
		return strings.Split(s, ",")
	}
	return nil
}

// envName returns the variable that stands for a flag.
func envName(flag string) string {
	return "PINGD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
