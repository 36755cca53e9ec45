package config

import (
	"regexp"
	"strings"
)

// SecretVariable holds the secret itself, for those who have no file for it.
const SecretVariable = "PINGD_SECRET"

// injected matches the variables that Kubernetes makes for a Service (and Docker
// for a link) whose name begins with pingd: they are not ours.
var injected = regexp.MustCompile(`^PINGD_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?|ENV_.*)$`)

// foreignTo lists variables that a container of a monitor is commonly given.
var foreignTo = map[string]string{"HOST_PROC": "monitor-proc", "HOST_SYS": "monitor-sys", "HOST_ROOT": "monitor-root"}

// environment picks the settings out of environ ("KEY=value" lines): by flag, with
// the variable's name. An empty variable counts as absent, as an unset one passed
// through a compose file is empty. Unknown variables are returned as warnings.
func (m *model) environment(environ []string) (values map[string]string, secret string, warnings []string) {
	values = map[string]string{}
	byVariable := map[string]string{}
	var variables []string
	for _, name := range m.names() {
		byVariable[envName(name)] = name
		variables = append(variables, envName(name))
	}
	for _, kv := range environ {
		variable, value, _ := strings.Cut(kv, "=")
		if flag, ok := foreignTo[variable]; ok && value != "" && values[flag] == "" {
			values[flag] = value
			m.given[flag] = Source{Kind: FromEnv, Name: variable}
		}
		flag, known := byVariable[variable]
		switch {
		case !strings.HasPrefix(variable, "PINGD_") || value == "":
		case variable == SecretVariable:
			secret = value
		case known:
			values[flag] = value
			m.given[flag] = Source{Kind: FromEnv, Name: variable}
		case injected.MatchString(variable) || strings.HasPrefix(variable, "PINGD_TEST_"):
		default:
			w := "environment variable " + variable + " is no setting of pingd"
			if n := nearest(variable, variables); n != "" {
				w += "; did you mean " + n + "?"
			}
			warnings = append(warnings, w)
		}
	}
	return values, secret, warnings
}
