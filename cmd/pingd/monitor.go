package main

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"pingd/cmd/pingd/survey"
	"pingd/monitor"
	"pingd/monitor/notify"
)

// monitorRole is the monitor with what it knows of the cluster.
type monitorRole struct {
	*monitor.Monitor
	survey *survey.Survey // nil when there is nothing but this host to watch
}

// Run serves until ctx ends.
func (m monitorRole) Run(ctx context.Context) error {
	if m.survey == nil {
		return m.Monitor.Run(ctx)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.Monitor.Run(ctx) })
	g.Go(func() error { return m.survey.Follow(ctx) })
	return g.Wait()
}

// newMonitor makes the monitor. Its Handler is mounted on the admin listener.
func newMonitor(e *env) (role, error) {
	ways, err := e.alertWays()
	if err != nil {
		return nil, err
	}
	cfg := monitor.Config{
		Name: e.o.Name, Version: e.build.short(),
		HostProc: e.o.MonitorProc, HostSys: e.o.MonitorSys, HostRoot: e.o.MonitorRoot, Engine: e.o.MonitorDocker,
		Keep: e.o.MonitorHistory, Rules: e.o.AlertRules(), Ways: ways, Page: e.pageURL(), Actions: e.o.MonitorActions,
		Hosts: e.adminHosts(), DialTLS: dialAdmin(e.certs), Logger: e.log, Metrics: e.metrics,
	}
	if e.o.MonitorHistory > 0 {
		cfg.Dir = filepath.Join(e.o.Data, "monitor")
	}
	var s *survey.Survey
	switch {
	case e.store != nil:
		s = survey.New(e.store, e.o.Secret.Reveal(), dialAdmin(e.certs), e.log)
		cfg.Silences = silences{e.store, e.log}
	case len(e.o.Started()) > 1: // without a store this process is all there is to ask
		s = survey.New(survey.Only(&e.what), e.o.Secret.Reveal(), dialAdmin(e.certs), e.log)
	}
	if s != nil {
		cfg.Cluster, cfg.Past, cfg.Peer, cfg.Operator = s.State, s.Past, s.Peer, newHands(e, s)
	}
	m, err := monitor.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w\nhint: --data=DIR names another directory, --monitor-history=0s keeps history in memory only", err)
	}
	return monitorRole{m, s}, nil
}

// alertWays are the ways in which people are told of alerts.
func (e *env) alertWays() ([]notify.Way, error) {
	var ways []notify.Way
	if e.o.MonitorWebhook != "" {
		ways = append(ways, notify.Webhook(e.o.MonitorWebhook))
	}
	if e.o.MonitorSlack != "" {
		ways = append(ways, notify.Slack(e.o.MonitorSlack))
	}
	if len(e.o.MonitorMailTo) > 0 {
		password, err := readPassword(e.o.MonitorSMTPFile)
		if err != nil {
			return nil, err
		}
		from := e.o.MonitorMailFrom
		if from == "" {
			from = "pingd@" + e.o.Name
		}
		ways = append(ways, notify.Mail(notify.MailConfig{
			Server: e.o.MonitorSMTP, From: from, To: e.o.MonitorMailTo, User: e.o.MonitorSMTPUser, Password: password,
		}))
	}
	return ways, nil
}

// pageURL is where people find the page of this process.
func (e *env) pageURL() string {
	if e.o.MonitorURL != "" {
		return e.o.MonitorURL
	}
	if e.certs != nil {
		return "https://" + e.addr("admin-addr") + "/"
	}
	return "http://" + e.addr("admin-addr") + "/"
}
