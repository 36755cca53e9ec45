package procs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"pingd/integration/procs/wire"
)

// ClusterConfig says what to start. Every process holds one role, so that each
// can be killed, paused and measured alone.
type ClusterConfig struct {
	Binary   string // path of pingd; needed
	Stores   int    // voters of one cluster, formed by --expect
	Counters int    // need a store
	Proxies  int
	Monitor  bool
	// StoreArgs, CounterArgs, ProxyArgs and MonitorArgs are added to the flags
	// of each process of the role.
	StoreArgs, CounterArgs, ProxyArgs, MonitorArgs []string
	// TLS is how the stores and the admin listeners of a cluster are spoken to whose
	// Args give every process certificates; nil: without.
	TLS *tls.Config
	// Secret is the password of the cluster (PINGD_SECRET); empty = none.
	Secret string
	// Hosts are where the stores run, in order; none = all on loopback.
	Hosts []Host
	// Prefix is put before the names (store1, counter1, ...), for several
	// clusters in one Lab.
	Prefix string
}

// Host is a place to run a process at.
type Host struct {
	IP    string
	Under []string // the command that runs another one there, with its first arguments
}

// Node is one pingd process and the addresses it was told to use; those of
// roles it does not hold are "".
type Node struct {
	*Process
	Redis, Raft, Sentinel, Admin string
	HTTP                         string // of a counter or proxy

	host Host
}

// Cluster is a running stack.
type Cluster struct {
	Stores, Counters, Proxies []*Node
	Monitor                   *Node // nil unless asked for

	lab    *Lab
	config ClusterConfig
}

// StartCluster starts everything at once, as a user with one command per
// machine would, and returns when the stores have a leader and every process
// says that it is ready. On an error what was started ends with the Lab.
func StartCluster(ctx context.Context, lab *Lab, config ClusterConfig) (*Cluster, error) {
	c := &Cluster{lab: lab, config: config}
	for i := range config.Stores {
		host := Host{}
		if len(config.Hosts) > 0 {
			host = config.Hosts[i]
		}
		n, err := c.planAt(host, fmt.Sprintf("%sstore%d", config.Prefix, i+1), "store")
		if err != nil {
			return nil, err
		}
		c.Stores = append(c.Stores, n)
	}
	for _, n := range c.Stores {
		if err := c.launch(ctx, n, "store", c.storeArgs(n, fmt.Sprintf("--expect=%d", config.Stores))); err != nil {
			return nil, err
		}
	}
	for range config.Counters {
		if _, err := c.AddCounter(ctx); err != nil {
			return nil, err
		}
	}
	for range config.Proxies {
		if _, err := c.AddProxy(ctx); err != nil {
			return nil, err
		}
	}
	if config.Monitor {
		n, err := c.add(ctx, config.Prefix+"monitor", "monitor", config.MonitorArgs)
		if err != nil {
			return nil, err
		}
		c.Monitor = n
	}
	return c, c.WaitReady(ctx)
}

// plan gives a node its addresses.
func (c *Cluster) plan(name, role string) (*Node, error) { return c.planAt(Host{}, name, role) }

func (c *Cluster) planAt(host Host, name, role string) (*Node, error) {
	n := &Node{host: host}
	addrs := []*string{&n.Admin}
	switch role {
	case "store":
		addrs = append(addrs, &n.Redis, &n.Raft, &n.Sentinel)
	case "counter", "proxy":
		addrs = append(addrs, &n.HTTP)
	}
	for _, addr := range addrs {
		a, err := c.lab.Addr()
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", name, err)
		}
		if _, port, err := net.SplitHostPort(a); err == nil && host.IP != "" {
			a = net.JoinHostPort(host.IP, port)
		}
		*addr = a
	}
	p, err := newProcess(c.lab, Spec{Name: name, Path: c.config.Binary})
	if err != nil {
		return nil, err
	}
	n.Process = p
	return n, nil
}

// launch starts a planned node.
func (c *Cluster) launch(ctx context.Context, n *Node, role string, args []string) error {
	spec := n.spec
	spec.Args = []string{
		"--role=" + role, "--name=" + spec.Name, "--data=" + spec.Dir, "--admin-addr=" + n.Admin,
	}
	if len(c.Stores) > 0 {
		spec.Args = append(spec.Args, "--join="+strings.Join(c.RedisAddrs(), ","))
	}
	spec.Args = append(spec.Args, args...)
	if c.config.Secret != "" {
		spec.Env = append(spec.Env, "PINGD_SECRET="+c.config.Secret)
	}
	if n.host.IP != "" {
		spec.Args = append(spec.Args, "--bind="+n.host.IP)
	}
	if under := n.host.Under; len(under) > 0 {
		spec.Args = slices.Concat(under[1:], []string{spec.Path}, spec.Args)
		spec.Path = under[0]
	}
	p, err := c.lab.Start(ctx, spec)
	if err != nil {
		return err
	}
	n.Process = p
	return nil
}

func (c *Cluster) add(ctx context.Context, name, role string, args []string) (*Node, error) {
	n, err := c.plan(name, role)
	if err != nil {
		return nil, err
	}
	switch role {
	case "counter":
		args = append([]string{"--counter-addr=" + n.HTTP}, args...)
	case "proxy":
		args = append([]string{"--proxy-addr=" + n.HTTP}, args...)
	}
	return n, c.launch(ctx, n, role, args)
}

func (c *Cluster) storeArgs(n *Node, more ...string) []string {
	return slices.Concat([]string{
		"--redis-addr=" + n.Redis, "--raft-addr=" + n.Raft, "--sentinel-addr=" + n.Sentinel,
	}, more, c.config.StoreArgs)
}

// AddStore starts a store that joins the others, under a name that none has, and
// returns without waiting for it. It is not one of Stores yet.
func (c *Cluster) AddStore(ctx context.Context, name string) (*Node, error) {
	n, err := c.plan(name, "store")
	if err != nil {
		return nil, err
	}
	return n, c.launch(ctx, n, "store", c.storeArgs(n))
}

// AddCounter starts one more counter and returns without waiting for it.
func (c *Cluster) AddCounter(ctx context.Context) (*Node, error) {
	n, err := c.add(ctx, fmt.Sprintf("%scounter%d", c.config.Prefix, len(c.Counters)+1), "counter", c.config.CounterArgs)
	if err != nil {
		return nil, err
	}
	c.Counters = append(c.Counters, n)
	return n, nil
}

// AddProxy starts one more proxy and returns without waiting for it.
func (c *Cluster) AddProxy(ctx context.Context) (*Node, error) {
	n, err := c.add(ctx, fmt.Sprintf("%sproxy%d", c.config.Prefix, len(c.Proxies)+1), "proxy", c.config.ProxyArgs)
	if err != nil {
		return nil, err
	}
	c.Proxies = append(c.Proxies, n)
	return n, nil
}

// RedisAddrs returns the Redis address of every store.
func (c *Cluster) RedisAddrs() []string {
	var addrs []string
	for _, n := range c.Stores {
		addrs = append(addrs, n.Redis)
	}
	return addrs
}

// Nodes returns every process, stores first.
func (c *Cluster) Nodes() []*Node {
	nodes := slices.Concat(c.Stores, c.Counters, c.Proxies)
	if c.Monitor != nil {
		nodes = append(nodes, c.Monitor)
	}
	return nodes
}

// WaitReady waits until the stores agree on a leader, every process answers
// /readyz with 200, and every proxy brings a visit to a counter.
func (c *Cluster) WaitReady(ctx context.Context) error {
	if len(c.Stores) > 0 {
		if _, err := c.WaitLeader(ctx); err != nil {
			return err
		}
	}
	scheme := "http"
	if c.config.TLS != nil {
		scheme = "https"
	}
	for _, n := range c.Nodes() {
		if err := n.WaitReady(wire.WithTLS(ctx, c.config.TLS), Answers(scheme+"://"+n.Admin+"/readyz")); err != nil {
			return err
		}
	}
	if len(c.Counters) == 0 {
		return nil
	}
	for _, n := range c.Proxies {
		// HEAD reaches a counter through the proxy and counts no visit.
		if err := n.WaitReady(ctx, answersHead("http://"+n.HTTP+"/")); err != nil {
			return err
		}
	}
	return nil
}

// errNotYet is an answer other than the one waited for.
var errNotYet = errors.New("not ready")

func answersHead(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
		if err != nil {
			return fmt.Errorf("ask %s: %w", url, err)
		}
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%w: HEAD %s answers %s", errNotYet, url, res.Status)
		}
		return nil
	}
}
