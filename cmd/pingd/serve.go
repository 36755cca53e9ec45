package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"pingd/cmd/pingd/admin"
	"pingd/cmd/pingd/certs"
	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/group"
	"pingd/cmd/pingd/supervise"
	"pingd/cmd/pingd/survey"
	"pingd/kv/client"
	"pingd/monitor/host/cgroup"
	"pingd/proxy"
)

// role is a part of the process. New has bound its listeners; Run serves until ctx
// ends, lets go of what it holds and returns nil; Close frees a role that was never
// run.
type role interface {
	Run(ctx context.Context) error
	Close() error
	Status() any
	Addrs() map[string]string
}

// env is what roles are made of.
type env struct {
	o         config.Options
	log       *slog.Logger
	metrics   *prometheus.Registry
	stdout    io.Writer
	build     build
	advertise string // host that others reach this node at
	listeners *listeners
	certs     *certs.Keeper  // nil: no TLS
	store     *client.Client // the cluster as seen by the other roles; nil when none is named
	admin     *admin.Server  // nil when it is off

	what      atomic.Pointer[survey.Announcement] // set when all roles are made
	succeeded chan struct{}                       // closed when another process has taken the listeners over
}

// addr returns the address of a listener as others reach it, empty when it is off.
func (e *env) addr(flag string) string {
	bound, ok := e.listeners.addrs[flag]
	if !ok {
		return ""
	}
	return reachable(bound, e.o.Bind, e.advertise)
}

// serve starts the roles that o names and blocks until all have stopped.
func serve(ctx context.Context, o config.Options, log *slog.Logger, stdout io.Writer) (err error) {
	if o.DataSlots {
		var done func(error) error
		if o, done, err = inSlot(o, log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done(err)) }()
	}
	keeper, err := openCerts(o, log)
	if err != nil {
		return err
	}
	bound, err := listen(ctx, o, keeper)
	if err != nil {
		return err
	}
	defer bound.close()
	e := &env{
		o: o, log: log, stdout: stdout, build: thisBuild(), metrics: prometheus.NewRegistry(), advertise: advertised(ctx, o),
		listeners: bound, certs: keeper, succeeded: make(chan struct{}),
	}
	if err := e.registerProcess(); err != nil {
		return err
	}
	if addrs := e.storeAddrs(); len(addrs) > 0 {
		e.store, err = client.New(client.Config{Addrs: addrs, Secret: o.Secret.Reveal(), Dial: dialer(keeper), Logger: log})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.store.Close()) }()
	}
	members, roles, err := e.makeAll()
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	if bound.offer != nil {
		members = append(members, group.Member{Name: "handover", Run: func(ctx context.Context) error { return e.handOver(ctx, roles, leave) }})
	}
	what := e.announcement(roles)
	e.what.Store(&what)
	members = append([]group.Member{supervisor(roles, log)}, members...)
	if e.store != nil {
		a := &announcer{store: e.store, what: what, log: log}
		members = append(members, group.Member{Name: "announcement", Run: a.Run})
	}
	log.Info("pingd starts", "name", o.Name, "version", e.build.short(), "roles", o.Started(), "addrs", what.Addrs, "admin", what.Admin)
	err = group.Run(ctx, group.Config{Timeout: o.ShutdownTimeout, Stopping: e.stopping, Logger: log}, members...)
	if err == nil {
		log.Info("pingd has stopped")
	}
	return err
}

// announcement is what this process tells of itself once its roles are made.
func (e *env) announcement(roles []role) survey.Announcement {
	what := survey.Announcement{
		Name: e.o.Name, Roles: e.o.Started(), Admin: e.addr("admin-addr"), Addrs: map[string]string{}, Container: cgroup.Own("/proc/self"),
	}
	for _, r := range roles {
		for name, a := range r.Addrs() {
			what.Addrs[name] = reachable(a, e.o.Bind, e.advertise)
		}
	}
	return what
}

// makeAll makes the admin listener and every role, in the order of their start. If
// one cannot be made, those made before are closed.
func (e *env) makeAll() (members []group.Member, roles []role, err error) {
	defer func() {
		if err != nil {
			for _, r := range roles {
				err = errors.Join(err, r.Close())
			}
			if e.admin != nil {
				err = errors.Join(err, e.admin.Close())
			}
		}
	}()
	if ln := e.listeners.take("admin-addr"); ln != nil {
		cfg := admin.Config{
			Listener: ln, Name: e.o.Name, Version: e.build.short(), Secret: e.o.Secret.Reveal(),
			Hosts:    e.adminHosts(),
			Registry: e.metrics, Logger: e.log,
			Remember: e.store != nil, Actions: e.o.MonitorActions && e.o.Starts(config.Monitor),
		}
		if e.certs != nil && e.o.TLSCert != "" {
			cfg.TLS, cfg.ClientCerts = e.certs.Server(adminClients(e.o)), e.o.AuthClients() == config.AuthYes
		}
		e.admin, err = admin.New(cfg)
		if err != nil {
			return nil, nil, err
		}
		members = append(members, group.Member{Name: "admin", Run: e.runAdmin})
	}
	for _, m := range makers {
		if !e.o.Starts(m.name) {
			continue
		}
		r, err := m.make(e)
		if err != nil {
			return nil, roles, fmt.Errorf("%s: %w", m.name, err)
		}
		roles = append(roles, r)
		members = append(members, group.Member{Name: m.name, Run: r.Run})
		if e.admin == nil {
			continue
		}
		e.admin.Add(m.name, r)
		if page, ok := r.(interface{ Handler() http.Handler }); ok {
			e.admin.Mount(page.Handler())
		}
		if p, ok := r.(*proxy.Proxy); ok {
			e.admin.MountProxy(p.API())
		}
	}
	return members, roles, nil
}

// supervisor is the part that tells a service manager how the roles are. It
// starts first and stops last, so that the watchdog is fed while others stop.
func supervisor(roles []role, log *slog.Logger) group.Member {
	reasons := func() (all []string) {
		for _, r := range roles {
			if ready, ok := r.(admin.Readier); ok {
				if err := ready.Ready(); err != nil {
					all = append(all, err.Error())
				}
			}
		}
		return all
	}
	answer := func() {
		for _, r := range roles {
			r.Status()
		}
	}
	return group.Member{Name: "supervisor", Run: func(ctx context.Context) error {
		return supervise.Run(ctx, supervise.Config{Reasons: reasons, Answer: answer, Logger: log})
	}}
}

// adminHosts are the host names that the admin listener answers to, beside the
// obvious ones.
func (e *env) adminHosts() []string {
	hosts := append([]string{e.o.Bind, e.advertise, e.o.Name}, e.o.AdminHost...)
	if e.o.TLSName != "" {
		hosts = append(hosts, e.o.TLSName)
	}
	return hosts
}

// accessLog opens where the proxy writes its access log; nil when it is off.
func (e *env) accessLog() (io.Writer, error) {
	switch e.o.AccessLog {
	case config.Off:
		return nil, nil
	case "-":
		return e.stdout, nil
	}
	f, err := os.OpenFile(e.o.AccessLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("--access-log=%s: %w\nhint: --access-log=-", e.o.AccessLog, err)
	}
	return f, nil // open for the life of the process
}

// stopping is called once when the stop begins.
func (e *env) stopping() {
	supervise.Stopping()
	e.listeners.deafen()
	if e.admin != nil {
		e.admin.Stopping()
	}
}

// storeAddrs returns the Redis addresses to find the store at: the own store first.
func (e *env) storeAddrs() []string {
	addrs := e.o.JoinAddrs()
	if bound, ok := e.listeners.addrs["redis-addr"]; ok {
		addrs = append([]string{local(bound)}, addrs...)
	}
	return addrs
}

// registerProcess registers what every process measures of itself.
func (e *env) registerProcess() error {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pingd_build_info", Help: "What this binary was made of; always 1.",
		ConstLabels: prometheus.Labels{"version": e.build.Version, "commit": e.build.Commit, "goversion": e.build.Go},
	})
	info.Set(1)
	e.metrics.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if e.certs == nil {
		return nil
	}
	return e.certs.Register(e.metrics)
}
