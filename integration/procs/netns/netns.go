package netns

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"pingd/integration/procs"
)

// Net is a network of hosts. It is for one goroutine at a time.
type Net struct {
	Hosts []procs.Host
	name  string
	cut   []rule
}

type rule struct{ ns, from string }

// New makes a network of n hosts. Where that is not allowed the test is skipped.
func New(t procs.TB, n int) *Net {
	t.Helper()
	procs.Need(t, "ip", "iproute2")
	procs.Need(t, "iptables", "iptables")
	procs.Root(t)
	id := rand.IntN(1 << 16)
	nt := &Net{name: fmt.Sprintf("pgd%04x", id)}
	// With the namespaces all cables go.
	procs.AtEnd(t, `for ns in /run/netns/"$1"-*; do [ ! -e "$ns" ] || ip netns del "${ns##*/}" || exit 1; done`, nt.name)
	// Addresses of 198.18.0.0/15, which are for testing networks (RFC 2544).
	if err := nt.make(n, fmt.Sprintf("198.18.%d.", id%256)); err != nil {
		t.Skipf("no network of namespaces can be made here: %v", err)
	}
	if err := errors.Join(nt.Cut(0, n-1), nt.Heal()); err != nil {
		t.Skipf("nothing can be cut in a namespace here: %v", err)
	}
	return nt
}

func (nt *Net) make(n int, prefix string) error {
	bridge := nt.name + "-b"
	if err := nt.namespace(bridge); err != nil {
		return err
	}
	if err := ip("-n", bridge, "link", "add", "br0", "type", "bridge"); err != nil {
		return err
	}
	if err := ip("-n", bridge, "link", "set", "br0", "up"); err != nil {
		return err
	}
	for i := range n {
		host, addr := fmt.Sprintf("%s-%d", nt.name, i+1), fmt.Sprintf("%s%d", prefix, i+1)
		if err := nt.namespace(host); err != nil {
			return err
		}
		if err := nt.join(bridge, fmt.Sprintf("p%d", i+1), "eth0", host, addr); err != nil {
			return err
		}
		nt.Hosts = append(nt.Hosts, procs.Host{IP: addr, Under: []string{"ip", "netns", "exec", host}})
	}
	return nt.join(bridge, "p0", nt.name, "", prefix+"254")
}

func (nt *Net) namespace(name string) error {
	if err := ip("netns", "add", name); err != nil {
		return err
	}
	return ip("-n", name, "link", "set", "lo", "up")
}

// join puts one end of a cable into the bridge and the other into a host; host "" is
// this process's own.
func (nt *Net) join(bridge, port, dev, host, addr string) error {
	add := []string{"-n", bridge, "link", "add", port, "type", "veth", "peer", "name", dev}
	in := []string{}
	if host != "" {
		in = []string{"-n", host}
		add = append(add, "netns", host)
	} else {
		add = append(add, "netns", strconv.Itoa(os.Getpid()))
	}
	steps := [][]string{
		add,
		{"-n", bridge, "link", "set", port, "master", "br0", "up"},
		append(in[:len(in):len(in)], "addr", "add", addr+"/24", "dev", dev),
		append(in[:len(in):len(in)], "link", "set", dev, "up"),
	}
	for _, s := range steps {
		if err := ip(s...); err != nil {
			return err
		}
	}
	return nil
}

// Cut lets nothing pass from one host to another any more, by their order in Hosts.
// The other direction stays open.
func (nt *Net) Cut(from, to int) error {
	r := rule{ns: nt.Hosts[to].Under[3], from: nt.Hosts[from].IP}
	nt.cut = append(nt.cut, r)
	return r.set("-I")
}

// Isolate cuts a host off from all others, in both directions. This process still
// reaches it.
func (nt *Net) Isolate(host int) error {
	var errs []error
	for i := range nt.Hosts {
		if i != host {
			errs = append(errs, nt.Cut(host, i), nt.Cut(i, host))
		}
	}
	return errors.Join(errs...)
}

// Heal ends all cuts.
func (nt *Net) Heal() error {
	var errs []error
	for _, r := range nt.cut {
		errs = append(errs, r.set("-D"))
	}
	nt.cut = nil
	return errors.Join(errs...)
}

func (r rule) set(how string) error {
	return run("ip", "netns", "exec", r.ns, "iptables", "-w", how, "INPUT", "-s", r.from, "-j", "DROP")
}

func ip(args ...string) error { return run("ip", args...) }

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
