package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pingd/integration/bench/session"
	"pingd/integration/procs"
	"pingd/integration/procs/peers"
)

// contenders are the proxies that are compared, in the order of the table.
var contenders = []struct {
	name  string
	start func(c *Command, ctx context.Context, env *session.Session, lab *procs.Lab, backends []string) (*peers.Proxy, error)
	extra bool // measured only when named
}{
	{"pingd", pingdWith("pingd"), false},
	{"pingd-log", pingdWith("pingd-log", "--access-log="), false},
	{"pingd-full", pingdWith("pingd-full", "--access-log=", "--rate-limit=1000000/s", "--sticky=SERVER", "--route=shop.example.org/cart=127.0.0.1:9"), true},
	{"pingd-goroutines", pingdWith("pingd-goroutines", "--proxy-loops=-1"), true},
	{"haproxy", func(c *Command, ctx context.Context, _ *session.Session, lab *procs.Lab, backends []string) (*peers.Proxy, error) {
		return peers.StartHAProxy(ctx, lab, "haproxy", c.Threads, backends)
	}, false},
	{"nginx", func(c *Command, ctx context.Context, _ *session.Session, lab *procs.Lab, backends []string) (*peers.Proxy, error) {
		return peers.StartNginx(ctx, lab, "nginx", c.Threads, backends)
	}, false},
	{"caddy", func(c *Command, ctx context.Context, _ *session.Session, lab *procs.Lab, backends []string) (*peers.Proxy, error) {
		return peers.StartCaddy(ctx, lab, "caddy", c.Threads, backends)
	}, false},
}

func contenderNames() []string {
	var names []string
	for _, c := range contenders {
		names = append(names, c.name)
	}
	return names
}

// start starts the backends, then the proxies before them.
func (c *Command) start(ctx context.Context, env *session.Session, lab *procs.Lab) ([]*peers.Proxy, error) {
	starting, cancel := context.WithTimeout(ctx, session.StartWithin)
	defer cancel()
	var backends []string
	for i := range c.Backends {
		b, err := peers.StartBackend(starting, lab, "app"+strconv.Itoa(i+1), strings.Repeat("x", c.Bytes))
		if err != nil {
			return nil, err
		}
		backends = append(backends, b.Addr)
	}
	return c.startBefore(ctx, env, lab, backends)
}

// startBefore starts the proxies before backends, and waits until each brings a
// request to one. Caddy is left out when it is not there.
func (c *Command) startBefore(ctx context.Context, env *session.Session, lab *procs.Lab, backends []string) ([]*peers.Proxy, error) {
	if _, err := env.Binary(ctx, lab); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, session.StartWithin)
	defer cancel()
	var proxies []*peers.Proxy
	for _, contender := range contenders {
		named := slices.Contains(c.Only, contender.name)
		if !named && (len(c.Only) > 0 || contender.extra) {
			continue
		}
		p, err := contender.start(c, ctx, env, lab, backends)
		var missing *peers.MissingError
		if errors.As(err, &missing) && contender.name == "caddy" {
			env.Log.Info("left out", "proxy", contender.name, "why", "not on PATH")
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", contender.name, err)
		}
		if err := p.WaitReady(ctx, procs.Answers("http://"+p.Addr+"/")); err != nil {
			return nil, err
		}
		proxies = append(proxies, p)
	}
	return proxies, nil
}

// pingdWith returns a starter of pingd by that name, with further flags. A flag
// that ends in = gets a file of its own.
func pingdWith(name string, flags ...string) func(c *Command, ctx context.Context, env *session.Session, lab *procs.Lab, backends []string) (*peers.Proxy, error) {
	return func(c *Command, ctx context.Context, env *session.Session, lab *procs.Lab, backends []string) (*peers.Proxy, error) {
		binary, err := env.Binary(ctx, lab)
		if err != nil {
			return nil, err
		}
		admin, err := lab.Addr()
		if err != nil {
			return nil, err
		}
		addr, err := lab.Addr()
		if err != nil {
			return nil, err
		}
		secure, err := lab.Addr()
		if err != nil {
			return nil, err
		}
		dir, err := lab.Dir(name)
		if err != nil {
			return nil, err
		}
		cert, err := peers.Certificate(dir)
		if err != nil {
			return nil, err
		}
		args := []string{
			"--role=proxy", "--name=bench", "--data=" + dir, "--admin-addr=" + admin, "--proxy-addr=" + addr, "--proxy-maxconn=12000",
			"--proxy-tls-addr=" + secure, "--proxy-cert=" + cert,
		}
		for _, f := range flags {
			if strings.HasSuffix(f, "=") {
				f += dir + "/out"
			}
			args = append(args, f)
		}
		for _, b := range backends {
			args = append(args, "--backend="+b)
		}
		p, err := lab.Start(ctx, procs.Spec{
			Name: name, Path: binary, Args: args, Env: []string{"GOMAXPROCS=" + strconv.Itoa(c.Threads)},
		})
		if err != nil {
			return nil, err
		}
		return &peers.Proxy{Process: p, Addr: addr, Secure: secure}, nil
	}
}
