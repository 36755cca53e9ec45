package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"pingd/integration/bench/clients"
	"pingd/integration/bench/failover"
	"pingd/integration/bench/load"
	"pingd/integration/bench/monitor"
	"pingd/integration/bench/proxy"
	"pingd/integration/bench/session"
	"pingd/integration/bench/soak"
	"pingd/integration/bench/store"
	"pingd/integration/bench/tutorial"
)

// commandLine is all that the command understands.
type commandLine struct {
	session.Flags

	Load     load.Command        `cmd:"" help:"Make HTTP visits; report acked, lost, duplicates, errors and the longest gap. Exit status 1 if a visit was lost."`
	Store    store.Command       `cmd:"" help:"Compare writes per second: pingd, etcd, Redis with WAIT, Redis alone."`
	Commit   store.CommitCommand `cmd:"" help:"Count what a write costs the same systems: syncs and bytes on each node's disk."`
	Failover failover.Command    `cmd:"" help:"Kill, terminate and pause the leader; compare the gap with Redis Sentinel."`
	Clients  clients.Command     `cmd:"" help:"Compare what client libraries see of a fail-over: increments acknowledged and missing, gaps; pingd, Redis Sentinel. Exit status 1 if pingd lost one."`
	Tutorial tutorial.Command    `cmd:"" help:"Compare whole stacks: pingd and HAProxy, gunicorn, Redis, Sentinel, etcd; speed, memory, start, faults."`
	Soak     soak.Command        `cmd:"" help:"A cluster under load and one fault after the other, for long: does anything grow? Exit status 1 if so, or if a visit was lost."`
	Proxy    proxy.Command       `cmd:"" help:"Compare CPU per request, latency and memory: pingd, HAProxy, nginx, Caddy."`

	Monitor monitor.Command `cmd:"" help:"Compare what watching this machine costs: pingd, netdata, node_exporter."`

	Conformance proxy.ConformanceCommand `cmd:"" help:"Ask the same proxies for what RFC 9110 and 9112 demand."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status: 0, 1 failed, 2 usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var line commandLine
	code := -1
	parser, err := kong.New(&line, kong.Name("bench"),
		kong.Description("Measures pingd and its peers as real processes on this machine."),
		kong.Writers(stdout, stderr), kong.Exit(func(c int) { code = c }), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	selected, err := parser.Parse(args)
	if code >= 0 { // --help printed
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\nhint: go run ./integration/bench --help\n", err)
		return 2
	}
	env := &session.Session{
		Flags: line.Flags, Stdout: stdout,
		Log: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	selected.BindTo(ctx, (*context.Context)(nil))
	if err := selected.Run(env); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}
