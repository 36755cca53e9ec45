package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/alecthomas/kong"
)

// Sources is what Load reads besides the command line: all of the outside world.
type Sources struct {
	Environ  []string // "KEY=value" lines, as of os.Environ
	ReadFile func(name string) ([]byte, error)
	Stat     func(name string) (fs.FileInfo, error)
	HostName func() (string, error)
}

// Loaded is the outcome of Load.
type Loaded struct {
	Options  Options
	Problems []Problem // every mistake; nothing may be started when there is one
	Warnings []string  // what looks like a mistake and does no harm
	Help     string    // the text asked for by --help; nothing else counts then
}

// Load reads the settings of one process from args (without the program's name)
// and src, and validates them. It returns everything that is wrong at once.
func Load(args []string, src Sources) Loaded {
	g := &grammar{}
	m := newModel(g)
	l := takeApart(m, args)
	if l.help {
		return Loaded{Help: helpText(m, l.command)}
	}
	env, secret, warnings := m.environment(src.Environ)
	if l.config == "" {
		l.config = env["config"]
	}
	m.problems = l.problems
	file := m.file(l.config, src.ReadFile)
	if err := m.parse(l.clean, env, file); err != nil {
		m.problems = append(m.problems, Problem{Rule: err.Error(), Hint: "pingd --help"})
	}
	o := &g.Options
	o.Given = m.given
	o.Command = g.command(l.command)
	if o.Name == "" && src.HostName != nil {
		o.Name, _ = src.HostName() // Validate asks for --name where there is none
	}
	if _, ok := o.Given["check-timeout"]; !ok {
		o.CheckTimeout = min(o.CheckTimeout, o.CheckInterval)
	}
	if _, ok := o.Given["check-fast-interval"]; !ok {
		o.CheckFastInterval = min(o.CheckFastInterval, o.CheckInterval)
	}
	out := Loaded{Warnings: warnings}
	m.readSecret(o, secret, src, &out)
	out.Problems = append(m.problems, Validate(*o)...)
	out.Options = *o
	return out
}

// file reads the configuration file: the values of each key, in their order.
func (m *model) file(name string, read func(string) ([]byte, error)) map[string][]string {
	if name == "" {
		return nil
	}
	text, err := read(name)
	if err != nil {
		m.problems = append(m.problems, unreadable("config", name, err))
		return nil
	}
	settings, problems := ParseFile(name, string(text))
	m.problems = append(m.problems, problems...)
	values := map[string][]string{}
	for _, s := range settings {
		at := Source{Kind: FromFile, Name: name, Line: s.Line}
		f, ok := m.setting(s.Key)
		if !ok || s.Key == "config" || s.Key == "check" {
			m.problems = append(m.problems, unknownKey(m, at, s))
			continue
		}
		if prev := values[s.Key]; len(prev) > 0 && !f.IsSlice() {
			m.problems = append(m.problems, Problem{at.spell(s.Key, s.Value), "is set twice in this file", "keep one of the two lines"})
			continue
		}
		values[s.Key] = append(values[s.Key], s.Value)
		if _, ok := m.given[s.Key]; !ok {
			m.given[s.Key] = at
		}
	}
	return values
}

func unknownKey(m *model, at Source, s Setting) Problem {
	p := Problem{at.spell(s.Key, s.Value), "unknown setting", "pingd --help lists the settings"}
	if n := nearest(s.Key, m.names()); n != "" {
		p.Hint = n + " = " + quoteFile(s.Value)
	}
	if s.Key == "config" || s.Key == "check" {
		p.Rule, p.Hint = "cannot stand in a file", "pingd --"+s.Key
	}
	return p
}

// parse has the parser fill the grammar. given holds the places of env and file;
// flags on the command line come before both.
func (m *model) parse(args []string, env map[string]string, file map[string][]string) error {
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "--"); ok {
			name, _, _ = strings.Cut(name, "=")
			m.given[name] = Source{Kind: FromFlag}
		}
	}
	resolve := func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
		if v, ok := env[f.Name]; ok {
			if f.Tag.Sep == -1 {
				v = strings.ReplaceAll(v, ",", "\n")
			}
			return v, nil
		}
		if v, ok := file[f.Name]; ok {
			return strings.Join(v, listSep(f.Value)), nil
		}
		return nil, nil
	}
	if err := kong.Resolvers(kong.ResolverFunc(resolve)).Apply(m.Kong); err != nil {
		return fmt.Errorf("settings of environment and file: %w", err)
	}
	_, err := m.Parse(args)
	return err
}

// readSecret puts the cluster's password into o.
func (m *model) readSecret(o *Options, variable string, src Sources, out *Loaded) {
	at := m.given["secret-file"]
	switch {
	case o.SecretFile == "" && variable == "":
		return
	case o.SecretFile == "", variable != "" && at.Kind == FromFile:
		o.SecretFile, o.Secret = "", NewSecret(strings.TrimSpace(variable))
		if !o.Secret.Set() {
			m.problems = append(m.problems, Problem{SecretVariable, "holds white space only", "unset " + SecretVariable})
		}
		return
	case variable != "" && at.Kind == FromEnv:
		m.problems = append(m.problems, Problem{SecretVariable, "is set beside " + at.Name, "unset " + SecretVariable})
		return
	}
	text, err := src.ReadFile(o.SecretFile)
	if err != nil {
		m.problems = append(m.problems, unreadable("secret-file", o.SecretFile, err))
		return
	}
	o.Secret = NewSecret(strings.TrimSpace(string(text)))
	if !o.Secret.Set() {
		m.problems = append(m.problems, Problem{at.spell("secret-file", o.SecretFile), "the file is empty", makeSecret(o.SecretFile)})
	}
	if info, err := src.Stat(o.SecretFile); err == nil && info.Mode().Perm()&0o004 != 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("secret file %s can be read by everybody on this machine; chmod o-r %[1]s", o.SecretFile))
	}
}

// makeSecret is the command that creates a secret in file.
func makeSecret(file string) string {
	return "(umask 077; head -c 24 /dev/urandom | base64 > " + quoteShell(file) + ")"
}

func unreadable(flag, name string, err error) Problem {
	p := Problem{Where: "--" + flag + "=" + quoteShell(name), Rule: err.Error(), Hint: "ls -l " + quoteShell(name)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Rule = "there is no such file"
		if flag == "secret-file" {
			p.Hint = makeSecret(name)
		}
	case errors.Is(err, fs.ErrPermission):
		p.Rule = "may not be read by this user"
	}
	return p
}
