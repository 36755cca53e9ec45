package config

import (
	"errors"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"pingd/monitor/alert"
)

// MonitorOptions holds the settings of role monitor.
type MonitorOptions struct {
	MonitorProc    string        `default:"/proc" placeholder:"DIR" roles:"monitor" complete:"dir" help:"Where the host's /proc is seen, in a container; also $HOST_PROC."`
	MonitorSys     string        `default:"/sys" placeholder:"DIR" roles:"monitor" complete:"dir" help:"Where the host's /sys is seen, in a container; also $HOST_SYS."`
	MonitorRoot    string        `placeholder:"DIR" roles:"monitor" complete:"dir" help:"Where the host's / is seen, in a container, for the space on its disks; also $HOST_ROOT."`
	MonitorDocker  string        `default:"/var/run/docker.sock" placeholder:"SOCKET" roles:"monitor" complete:"file" help:"Socket of the container engine, for the names of containers; off to ask nobody."`
	MonitorHistory time.Duration `default:"720h" placeholder:"TIME" roles:"monitor" help:"How long history is kept on disk, below --data; 0s keeps the last hour in memory only."`
	MonitorAlert   []string      `sep:"none" placeholder:"RULE" roles:"monitor" help:"An alert rule of your own, repeatable, or an end to one that comes along: \"oom_kill: off\"; docs/monitoring.md has the form."`

	MonitorWebhook  string   `placeholder:"URL" roles:"monitor" secret:"url" help:"Post alerts there, as Prometheus's Alertmanager does."`
	MonitorSlack    string   `placeholder:"URL" roles:"monitor" secret:"url" help:"Post alerts to an incoming webhook of Slack, Mattermost and their like."`
	MonitorMailTo   []string `placeholder:"ADDRESS,..." roles:"monitor" help:"Mail alerts there; needs --monitor-smtp."`
	MonitorMailFrom string   `placeholder:"ADDRESS" roles:"monitor" help:"Sender of the mail (default: pingd@NAME)."`
	MonitorSMTP     string   `name:"monitor-smtp" placeholder:"HOST:PORT" roles:"monitor" help:"Mail server; port 465 speaks TLS from the start, others once it is offered."`
	MonitorSMTPUser string   `name:"monitor-smtp-user" placeholder:"NAME" roles:"monitor" help:"User of the mail server; its password comes from --monitor-smtp-file."`
	MonitorSMTPFile string   `name:"monitor-smtp-file" placeholder:"FILE" roles:"monitor" complete:"file" help:"File with the password of the mail server."`
	MonitorURL      string   `name:"monitor-url" placeholder:"URL" roles:"monitor" help:"Where people find the page, for the links in messages (default: from --admin-addr)."`
	MonitorActions  bool     `roles:"monitor" help:"Let those who know the secret silence alerts from the page, and what else it offers; it is read only otherwise."`
}

const maxHistory = 400 * 24 * time.Hour

// monitor validates the settings of role monitor.
func (v *validator) monitor() {
	o := v.o
	if !o.Starts(Monitor) {
		return
	}
	v.duration("monitor-history", o.MonitorHistory, 0, maxHistory, "720h")
	if o.MonitorHistory > 0 && o.MonitorHistory < 24*time.Hour {
		v.bad("monitor-history", o.MonitorHistory, "must be a day or more, or 0s for none", "24h")
	}
	for _, line := range o.MonitorAlert {
		var wrong *alert.ParseError
		if _, err := alert.Parse(line); errors.As(err, &wrong) {
			at := o.Given["monitor-alert"]
			v.advise(at.spell("monitor-alert", line), wrong.Rule, wrong.Hint)
		}
	}
	for _, a := range [...]struct{ flag, address string }{
		{"monitor-webhook", o.MonitorWebhook},
		{"monitor-slack", o.MonitorSlack},
		{"monitor-url", o.MonitorURL},
	} {
		if u, err := url.Parse(a.address); a.address != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			v.bad(a.flag, a.address, "must be an address that begins with http:// or https://", "https://alerts.example.org/hook")
		}
	}
	v.mail()
	if o.MonitorActions && !o.Secret.Set() {
		v.advise(v.spell("monitor-actions", true), "without a secret, everybody who reaches the page could change things", "--secret-file=pingd.secret, made by "+makeSecret("pingd.secret"))
	}
}

// mail validates what it takes to send mail.
func (v *validator) mail() {
	o := v.o
	for _, to := range o.MonitorMailTo {
		if _, err := mail.ParseAddress(to); err != nil {
			v.bad("monitor-mail-to", strings.Join(o.MonitorMailTo, ","), "is no list of mail addresses", "ops@example.org")
			break
		}
	}
	if o.MonitorMailFrom != "" {
		if _, err := mail.ParseAddress(o.MonitorMailFrom); err != nil {
			v.bad("monitor-mail-from", o.MonitorMailFrom, "is no mail address", "pingd@example.org")
		}
	}
	if o.MonitorSMTP != "" {
		if host, port, err := net.SplitHostPort(o.MonitorSMTP); err != nil || host == "" || port == "" {
			v.bad("monitor-smtp", o.MonitorSMTP, "must be host:port", "mail.example.org:587")
		}
	}
	switch {
	case len(o.MonitorMailTo) > 0 && o.MonitorSMTP == "":
		v.advise(v.spell("monitor-mail-to", strings.Join(o.MonitorMailTo, ",")), "needs a mail server", "--monitor-smtp=mail.example.org:587")
	case len(o.MonitorMailTo) == 0 && o.MonitorSMTP != "":
		v.advise(v.spell("monitor-smtp", o.MonitorSMTP), "has nobody to send mail to", "--monitor-mail-to=ops@example.org")
	}
	if (o.MonitorSMTPUser == "") != (o.MonitorSMTPFile == "") {
		v.advise("--monitor-smtp-user and --monitor-smtp-file", "go together, or both are left out", "--monitor-smtp-user=pingd --monitor-smtp-file=mail.secret")
	}
}

// AlertRules are the rules in force: those that come along, with the user's own.
// The options have been validated.
func (o *Options) AlertRules() []alert.Rule {
	var own []alert.Rule
	for _, line := range o.MonitorAlert {
		if r, err := alert.Parse(line); err == nil {
			own = append(own, r)
		}
	}
	return alert.With(alert.Defaults(), own)
}
