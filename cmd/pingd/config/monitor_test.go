package config

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestMonitorMistakes(t *testing.T) {
	for _, tt := range []struct{ args, want, hint string }{
		{"--monitor-alert=nonsense", "--monitor-alert=nonsense: a rule begins with its name", "10min_cpu_usage: cpu.busy"},
		{"--monitor-alert=a:nonsense.x|warn|>|1", `there is no series "nonsense.x"`, "they begin with"},
		{"--monitor-alert=a:diks.util|warn|>|1", `there is no series "diks.util"`, "disk.util"},
		{"--monitor-alert=a:cpu.busy|warn|>|80|clear|90", "clear 90 lies beyond", "clear 80"},
		{"--monitor-webhook=hooks.example.org", "must be an address that begins with http", "--monitor-webhook=https://"},
		{"--monitor-slack=ftp://x/y", "--monitor-slack=ftp://x/y", "--monitor-slack=https://"},
		{"--monitor-url=/page", "--monitor-url=/page", "--monitor-url=https://"},
		{"--monitor-history=1h", "must be a day or more, or 0s for none", "--monitor-history=24h"},
		{"--monitor-history=-1s", "must be from 0s to", "--monitor-history=720h"},
		{"--monitor-mail-to=ops@example.org", "needs a mail server", "--monitor-smtp="},
		{"--monitor-smtp=mail:25", "has nobody to send mail to", "--monitor-mail-to="},
		{"--monitor-mail-to=ops --monitor-smtp=mail:25", "is no list of mail addresses", "ops@example.org"},
		{"--monitor-mail-to=a@b.org --monitor-smtp=mail", "must be host:port", "mail.example.org:587"},
		{"--monitor-mail-to=a@b.org --monitor-smtp=mail:25 --monitor-mail-from=x", "is no mail address", "pingd@example.org"},
		{"--monitor-smtp-user=pingd", "go together", "--monitor-smtp-file=mail.secret"},
		{"--monitor-actions", "everybody who reaches the page could change things", "--secret-file=pingd.secret"},
		{"--role=proxy --backend=a:1 --monitor-alert=a:off", "belongs to role monitor", "leave --monitor-alert out"},
	} {
		args := strings.Fields(tt.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "|", " ")
		}
		l := Load(append([]string{"--name=n1"}, args...), Sources{})
		text := ""
		for _, p := range l.Problems {
			text += p.Error() + "\n"
		}
		if !strings.Contains(text, tt.want) || !strings.Contains(text, tt.hint) || len(l.Problems) == 0 {
			t.Errorf("%s: got %q\nwant %q and hint %q", tt.args, text, tt.want, tt.hint)
		}
	}
}

func TestAlertRulesFromAFile(t *testing.T) {
	file := `
name = n1
monitor-alert = oom_kill: off
monitor-alert = my_queue: requests.queue min 10s crit > 5 # of the proxies
monitor-alert = "10min_cpu_usage: cpu.busy avg 5m warn > 50"
`
	l := Load([]string{"--config=c"}, from(map[string]string{"c": file}))
	if len(l.Problems) > 0 {
		t.Fatal(l.Problems)
	}
	text := ""
	for _, r := range l.Options.AlertRules() {
		text += r.String() + "\n"
	}
	if strings.Contains(text, "oom_kill:") && !strings.Contains(text, "cgroup_oom_kill:") || strings.Contains(text, "\noom_kill") {
		t.Error("a rule that is off is there")
	}
	for _, want := range []string{"my_queue: requests.queue min 10s crit > 5\n", "10min_cpu_usage: cpu.busy avg 5m warn > 50\n", "no_leader: "} {
		if !strings.Contains(text, want) {
			t.Errorf("rules lack %q:\n%s", want, text)
		}
	}
	bad := Load([]string{"--config=c"}, from(map[string]string{"c": "name = n1\nmonitor-alert = x: cpu.busy\n"}))
	if len(bad.Problems) != 1 || !strings.Contains(bad.Problems[0].Error(), "c:2: monitor-alert = x: cpu.busy: a rule needs a level") {
		t.Errorf("problems %v", bad.Problems)
	}
}

func TestAlertRulesFromTheEnvironment(t *testing.T) {
	l := Load([]string{"--name=n1"}, from(nil, "PINGD_MONITOR_ALERT=oom_kill: off, mine: load.1 warn > 9", "HOST_ROOT=/host/root"))
	if len(l.Problems) > 0 || len(l.Options.MonitorAlert) != 2 || l.Options.MonitorRoot != "/host/root" {
		t.Errorf("rules %q, root %q, problems %v", l.Options.MonitorAlert, l.Options.MonitorRoot, l.Problems)
	}
}

// TestHooksAreSecrets holds that what is printed shows whom alerts go to, and not the
// key to them.
func TestHooksAreSecrets(t *testing.T) {
	var text bytes.Buffer
	Print(&text, valid(t, "--role=monitor", "--monitor-slack=https://hooks.example.org/services/T0/KEY", "--monitor-webhook=http://user:KEY@h/x?KEY"))
	if strings.Contains(text.String(), "KEY") || !strings.Contains(text.String(), "monitor-slack = https://hooks.example.org/***") || !strings.Contains(text.String(), "monitor-webhook = http://h/***") {
		t.Errorf("got\n%s", &text)
	}
	if masked("://") != "***" {
		t.Error(masked("://"))
	}
}

func TestMonitorAccepts(t *testing.T) {
	o := valid(t, "--monitor-mail-to=a@b.org,Ops <ops@b.org>", "--monitor-smtp=mail:587", "--monitor-smtp-user=u", "--monitor-smtp-file=f",
		"--monitor-history=0s", "--monitor-url=https://mon.example.org/", "--monitor-docker=off")
	if len(o.MonitorMailTo) != 2 || o.MonitorHistory != 0 {
		t.Errorf("options %+v", o.MonitorOptions)
	}
	if o := valid(t); o.MonitorHistory != 720*time.Hour {
		t.Errorf("history %v", o.MonitorHistory)
	}
}
