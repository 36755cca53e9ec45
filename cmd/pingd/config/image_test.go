package config

import (
	"slices"
	"strings"
	"testing"
)

// What a container of an image says when it is run with nothing but the image's
// own variables: variables to set, and no flags.
func TestImagesSayWhatTheyNeed(t *testing.T) {
	const secret = "hint: PINGD_SECRET=..., as of: head -c 24 /dev/urandom | base64; or PINGD_INSECURE=true in a closed network"
	for role, wants := range map[string][]string{
		Store:    {secret},
		Monitor:  {secret},
		All:      {secret},
		Counter:  {"hint: PINGD_JOIN=store:6379, or PINGD_ROLE=counter,store", secret},
		Sentinel: {"hint: PINGD_JOIN=store:6379", secret},
		Proxy:    {"hint: PINGD_BACKEND=app:8000, or PINGD_JOIN=store:6379 for those that register", secret},
	} {
		env := []string{"PINGD_ROLE=" + role, "PINGD_BIND=0.0.0.0", "PINGD_DATA=/data"}
		problems := Load([]string{"--name=n"}, Sources{Environ: env}).Problems
		if len(problems) != len(wants) {
			t.Errorf("%s: %v", role, problems)
			continue
		}
		for i, want := range wants {
			if _, hint, _ := strings.Cut(problems[i].Error(), "\n"); hint != want {
				t.Errorf("%s: %q, want %q", role, hint, want)
			}
		}
		// And what it says is enough.
		env = append(env, "PINGD_SECRET=s", "PINGD_JOIN=store:6379")
		if problems := Load([]string{"--name=n"}, Sources{Environ: env}).Problems; len(problems) > 0 {
			t.Errorf("%s with what it asked for: %v", role, problems)
		}
	}
}

func TestSlotsDecide(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want []string // parts of the problems
	}{
		{[]string{"--data-slots", "--join=store"}, nil},
		{[]string{"--data-slots"}, []string{"--data-slots=true: needs --join"}},
		{
			[]string{"--data-slots", "--join=store", "--expect=3", "--name=n"},
			[]string{"--name=n: is decided by the slot", "--expect=3: is decided by the slot"},
		},
		{[]string{"--data-slots=no", "--join=store", "--expect=3", "--name=n"}, nil},
		{[]string{"--data-slots", "--role=proxy", "--join=store"}, []string{"--data-slots: belongs to role store"}},
	} {
		problems := Load(tc.args, Sources{HostName: func() (string, error) { return "h", nil }}).Problems
		if len(problems) != len(tc.want) {
			t.Errorf("%q: %v", tc.args, problems)
		}
		for _, want := range tc.want {
			if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.Error(), want) }) {
				t.Errorf("%q: no %q in %v", tc.args, want, problems)
			}
		}
	}
}
