package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"pingd/cmd/pingd/config"
)

// Exit statuses.
const (
	statusOK     = 0
	statusFailed = 1
	statusUsage  = 2
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the whole program: args are without its name, environ is as of
// os.Environ. It returns the exit status: 0 done, 1 failed, 2 a mistake in args,
// environ or the configuration file.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	loaded := config.Load(args, config.Sources{Environ: environ, ReadFile: os.ReadFile, Stat: os.Stat, HostName: os.Hostname})
	if loaded.Help != "" {
		fmt.Fprint(stdout, loaded.Help)
		return statusOK
	}
	o := loaded.Options
	for _, w := range loaded.Warnings {
		fmt.Fprintln(stderr, "pingd: warning:", w)
	}
	if len(loaded.Problems) > 0 {
		config.Report(stderr, loaded.Problems)
		return statusUsage
	}
	if o.Check {
		keeper, err := openCerts(o, nil)
		if err != nil {
			return report(stderr, err)
		}
		if keeper != nil {
			for _, w := range keeper.Warnings() {
				fmt.Fprintln(stderr, "pingd: warning:", w)
			}
		}
		fmt.Fprintln(stdout, "configuration ok")
		config.Print(stdout, o)
		return statusOK
	}
	if o.Command.Name != "" {
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		return report(stderr, command(ctx, o, streams{os.Stdin, stdout, stderr}))
	}
	signals := make(chan os.Signal, 2) // one to stop, one to leave at once
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	log := newLogger(stderr, o)
	return report(stderr, untilSignal(ctx, signals, log, func(ctx context.Context) error {
		return serve(ctx, o, log, stdout)
	}))
}

// report tells an error to the user and returns the exit status.
func report(stderr io.Writer, err error) int {
	if err != nil {
		fmt.Fprintln(stderr, "pingd:", plainLines(err.Error()))
		return statusFailed
	}
	return statusOK
}
