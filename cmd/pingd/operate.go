package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"pingd/cmd/pingd/config"
	"pingd/cmd/pingd/fleet"
	"pingd/cmd/pingd/survey"
	"pingd/kv/client"
	"pingd/proxy"
)

// operate runs the commands about the proxies and their servers.
func operate(ctx context.Context, o config.Options, std streams) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	f, done, err := findFleet(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	switch c := o.Command; c.Name {
	case "servers":
		return showServers(ctx, f, c.JSON, std)
	case "explain":
		return explain(ctx, f, c.ID, c.JSON, std)
	default:
		return act(ctx, f, c, std.out)
	}
}

// findFleet finds the proxies: where --join is not given the one in the process on
// this machine, or else those of the cluster.
func findFleet(ctx context.Context, o config.Options) (f *fleet.Fleet, done func(), err error) {
	keeper, err := openCerts(o, nil)
	if err != nil {
		return nil, nil, err
	}
	f = &fleet.Fleet{Secret: o.Secret.Reveal(), DialTLS: dialAdmin(keeper)}
	addrs := o.JoinAddrs()
	if len(addrs) == 0 {
		var here error
		if o.AdminAddr != config.Off {
			f.Members = []fleet.Member{{Name: "this machine's", Admin: local(o.HostPort(o.AdminAddr))}}
			asking, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			if _, _, here = f.Servers(asking); here == nil {
				return f, func() {}, nil
			}
		}
		addrs = []string{"127.0.0.1:" + config.DefaultRedisPort}
	}
	c, err := client.New(client.Config{Addrs: addrs, Secret: o.Secret.Reveal(), Dial: dialer(keeper)})
	if err != nil {
		return nil, nil, err
	}
	f.Store = shared{c}
	if f.Members, err = announced(ctx, c); err != nil {
		_ = c.Close() // the other error is the one that matters
		if errors.Is(err, client.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w\nhint: --join=HOST:PORT names a store node that runs, --admin-addr=HOST:PORT a proxy without a store", err)
		}
		return nil, nil, err
	}
	return f, func() { _ = c.Close() }, nil
}

// announced returns the proxies that announced themselves in the store.
func announced(ctx context.Context, c survey.Watcher) (list []fleet.Member, err error) {
	looking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	seen := false
	err = c.Watch(looking, survey.Prefix, func(values map[string]string) {
		for _, value := range values {
			var a survey.Announcement
			if json.Unmarshal([]byte(value), &a) == nil && slices.Contains(a.Roles, config.Proxy) && !seen {
				list = append(list, fleet.Member{Name: a.Name, Admin: a.Admin})
			}
		}
		seen = true
		cancel()
	})
	if !seen {
		return nil, fmt.Errorf("ask the store for its proxies: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the store knows no proxy: %w\nhint: pingd --role=proxy --join=HOST:PORT starts one", fleet.ErrNoProxy)
	}
	slices.SortFunc(list, func(a, b fleet.Member) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func showServers(ctx context.Context, f *fleet.Fleet, asJSON bool, std streams) error {
	rows, silent, err := f.Servers(ctx)
	if err != nil {
		return err
	}
	tellSilent(std.err, silent)
	if asJSON {
		if rows == nil {
			rows = []fleet.Row{}
		}
		return writeJSON(std.out, rows)
	}
	t := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tSERVER\tADDRESS\tSTATE\tCHECK\tWEIGHT\tACTIVE\tREQUESTS\tPROXY")
	for _, r := range rows {
		for _, name := range slices.Sorted(maps.Keys(r.Seen)) {
			b := r.Seen[name]
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", r.Service, r.Name, b.Addr, b.State, orDash(b.Check), b.Weight, b.Current, b.Requests, name)
		}
	}
	return t.Flush()
}

// tellSilent tells of proxies that did not answer.
func tellSilent(w io.Writer, silent map[string]error) {
	for _, name := range slices.Sorted(maps.Keys(silent)) {
		fmt.Fprintf(w, "pingd: proxy %s does not answer: %v\n", name, silent[name])
	}
}

// errForgotten is returned for an id that nobody knows.
var errForgotten = errors.New("no proxy remembers a request with this id\nhint: a proxy remembers the last thousand requests of each of its threads, and 512 that did not go smoothly")

func explain(ctx context.Context, f *fleet.Fleet, id string, asJSON bool, std streams) error {
	found, silent, err := f.Explain(ctx, id)
	if err != nil {
		return err
	}
	tellSilent(std.err, silent)
	if len(found) == 0 {
		return fmt.Errorf("request %q: %w", id, errForgotten)
	}
	if asJSON {
		return writeJSON(std.out, found)
	}
	for i := range found {
		found[i].Write(std.out)
	}
	return nil
}

// act runs drain, ready and weight.
func act(ctx context.Context, f *fleet.Fleet, c config.Command, stdout io.Writer) error {
	service, err := f.Act(ctx, proxy.Action{Service: c.Service, Server: c.Server, Do: c.Name, Weight: c.Weight})
	switch {
	case errors.Is(err, fleet.ErrNoServer):
		return fmt.Errorf("%w\nhint: pingd servers lists them", err)
	case errors.Is(err, fleet.ErrWhich):
		return fmt.Errorf("%w\nhint: --service=NAME says which one is meant", err)
	case err != nil:
		return err
	}
	what := map[string]string{"drain": "gets nothing new", "ready": "gets requests again", "weight": fmt.Sprintf("has weight %d", c.Weight)}[c.Name]
	if c.Name == "weight" && c.Weight < 0 {
		what = "has its own weight again"
	}
	fmt.Fprintf(stdout, "%s of %s %s\n", c.Server, service, what)
	return nil
}
