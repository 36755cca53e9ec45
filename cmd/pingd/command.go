package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/keep"
	"pingd/kv/client"
)

// How long the commands wait for an answer.
const (
	askTimeout    = 2 * time.Second // a fail-over fits into it
	changeTimeout = 10 * time.Second
	// A new node has to be sent all data first.
	replaceTimeout = time.Hour
)

// cluster is what the commands need of the store.
type cluster interface {
	Status(ctx context.Context) (json.RawMessage, error)
	Members(ctx context.Context) ([]client.Member, error)
	Remove(ctx context.Context, name string) error
	Transfer(ctx context.Context, name string) error
}

// streams are where a subcommand reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer // out: what was asked for; err: what is told beside it
}

func (s streams) keep() keep.Streams { return keep.Streams{In: s.in, Out: s.out, Err: s.err} }

// command runs the subcommand that o names.
func command(ctx context.Context, o config.Options, std streams) error {
	switch o.Command.Name {
	case "backup", "completion", "top": // no text of others, or seen to there
	default:
		if !o.Command.JSON {
			std.out, std.err = plain{std.out}, plain{std.err}
		}
	}
	switch o.Command.Name {
	case "version":
		if o.Command.JSON {
			return writeJSON(std.out, thisBuild())
		}
		fmt.Fprintln(std.out, thisBuild())
		return nil
	case "health":
		return health(ctx, o, std.out)
	case "top":
		return watch(ctx, o, std.out)
	case "recover":
		return keep.Recover(o, newLogger(std.err, o), std.keep())
	case "check":
		return keep.Check(o.Command.Path, std.keep())
	case "servers", "drain", "ready", "weight", "explain":
		return operate(ctx, o, std)
	case "completion":
		fmt.Fprint(std.out, config.Completion(o.Command.Shell))
		return nil
	}
	return onStore(ctx, o, std)
}

// onStore runs a subcommand that is answered by the stores.
func onStore(ctx context.Context, o config.Options, std streams) (err error) {
	addrs := o.JoinAddrs()
	if len(addrs) == 0 {
		addrs = []string{"127.0.0.1:" + config.DefaultRedisPort}
	}
	keeper, err := openCerts(o, nil)
	if err != nil {
		return err
	}
	cfg := client.Config{Addrs: addrs, Secret: o.Secret.Reveal(), Dial: dialer(keeper)}
	if o.Command.Name == "restore" {
		cfg.TryTimeout = keep.LoadTry
	}
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	switch o.Command.Name {
	case "backup":
		err = keep.Backup(ctx, c, o.Command, std.keep())
	case "restore":
		err = keep.Restore(ctx, c, o.Command, std.keep())
	default:
		err = ask(ctx, c, o.Command, std.out)
	}
	hinted := err != nil && strings.Contains(err.Error(), "\nhint: ")
	if errors.Is(err, client.ErrUnavailable) && !hinted {
		return fmt.Errorf("%w\nhint: --join=HOST:PORT names a store node that runs", err)
	}
	var refused *client.ReplyError
	if errors.As(err, &refused) && o.Command.Node != "" {
		return fmt.Errorf("%w\nhint: pingd members --join=%s lists the names", err, addrs[0])
	}
	return err
}

// ask runs a subcommand on a cluster.
func ask(ctx context.Context, c cluster, cmd config.Command, stdout io.Writer) error {
	limit := askTimeout
	switch cmd.Name {
	case "remove", "transfer":
		limit = changeTimeout
	case "replace":
		limit = replaceTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch cmd.Name {
	case "status":
		return showStatus(ctx, c, cmd.JSON, stdout)
	case "members":
		return showMembers(ctx, c, cmd.JSON, stdout)
	case "remove":
		if err := c.Remove(ctx, cmd.Node); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s is no longer a member\n", cmd.Node)
		return nil
	case "replace":
		return replace(ctx, c, cmd.Node, cmd.By, stdout)
	case "transfer":
		if err := c.Transfer(ctx, cmd.Node); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "leadership handed over")
		return nil
	}
	return fmt.Errorf("command %q is unknown", cmd.Name)
}

func showMembers(ctx context.Context, c cluster, asJSON bool, stdout io.Writer) error {
	members, err := c.Members(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(stdout, members)
	}
	t := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "NAME\tROLE\tSTATE\tREDIS\tRAFT\tSENTINEL\tADMIN")
	for _, m := range members {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, part(m), state(m), m.Redis, m.Raft, orDash(m.Sentinel), orDash(m.Admin))
	}
	return t.Flush()
}

func part(m client.Member) string {
	switch {
	case m.Leader:
		return "leader"
	case m.Voter:
		return "follower"
	default:
		return "learner"
	}
}

func state(m client.Member) string {
	if m.Alive {
		return "alive"
	}
	return "dead"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
