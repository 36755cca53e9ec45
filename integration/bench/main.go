package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// globals are the flags of every subcommand.
type globals struct {
	JSON  bool   `name:"json" help:"Print one JSON object instead of tables."`
	Pingd string `name:"pingd" placeholder:"PATH" help:"The pingd binary to measure (default: build it)."`
	Dir   string `name:"dir" placeholder:"DIR" help:"Keep data and logs below this directory; its disk is what is measured (default: a temporary directory, removed at the end)."`
}

// commandLine is all that the command understands.
type commandLine struct {
	globals

	Load     loadCmd     `cmd:"" help:"Make HTTP visits; report acked, lost, duplicates, errors and the longest gap. Exit status 1 if a visit was lost."`
	Store    storeCmd    `cmd:"" help:"Compare writes per second: pingd, etcd, Redis with WAIT, Redis alone."`
	Commit   commitCmd   `cmd:"" help:"Count what a write costs the same systems: syncs and bytes on each node's disk."`
	Failover failoverCmd `cmd:"" help:"Kill, terminate and pause the leader; compare the gap with Redis Sentinel."`
	Tutorial tutorialCmd `cmd:"" help:"Compare whole stacks: pingd and HAProxy, gunicorn, Redis, Sentinel, etcd; speed, memory, start, faults."`
	Soak     soakCmd     `cmd:"" help:"A cluster under load and one fault after the other, for long: does anything grow? Exit status 1 if so, or if a visit was lost."`
	Proxy    proxyCmd    `cmd:"" help:"Compare CPU per request, latency and memory: pingd, HAProxy, nginx, Caddy."`

	Monitor monitorCmd `cmd:"" help:"Compare what watching this machine costs: pingd, netdata, node_exporter."`

	Conformance conformanceCmd `cmd:"" help:"Ask the same proxies for what RFC 9110 and 9112 demand."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errLost is why the exit status is 1 although the benchmark itself worked.
var errLost = errors.New("acknowledged writes were lost")

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
	env := &environment{
		globals: line.globals, stdout: stdout,
		log: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	selected.BindTo(ctx, (*context.Context)(nil))
	if err := selected.Run(env); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}
