package host

import "pingd/monitor/host/scan"

// Net is one interface of /proc/net/dev: counters since it appeared.
type Net struct {
	Name                                  string
	RxBytes, RxPackets, RxErrors, RxDrops uint64
	TxBytes, TxPackets, TxErrors, TxDrops uint64
}

// Local reports whether the interface only carries traffic inside this machine,
// so that a sum over interfaces is what went over a wire.
func (n *Net) Local() bool {
	for _, p := range [...]string{"lo", "veth", "docker", "br-", "cni", "flannel", "virbr", "ifb", "dummy", "tap"} {
		if len(n.Name) >= len(p) && n.Name[:len(p)] == p {
			return p != "lo" || n.Name == "lo"
		}
	}
	return false
}

// Paired reports whether the interface is the outer end of a container's own. Those
// come and go with the containers, under names that nobody knows, and what goes
// through them is told by the container.
func (n *Net) Paired() bool { return len(n.Name) > 4 && n.Name[:4] == "veth" }

// ParseNets appends the interfaces in the bytes of /proc/net/dev to to[:0] and
// returns it.
func ParseNets(b []byte, to []Net) []Net {
	to = to[:0]
	for len(b) > 0 {
		var line []byte
		line, b = scan.Line(b)
		name, rest, ok := scan.Colon(line)
		if !ok || len(name) == 0 {
			continue // the two header lines
		}
		n := Net{}
		var skip uint64
		for _, f := range [...]*uint64{
			&n.RxBytes, &n.RxPackets, &n.RxErrors, &n.RxDrops, &skip, &skip, &skip, &skip,
			&n.TxBytes, &n.TxPackets, &n.TxErrors, &n.TxDrops,
		} {
			*f, rest = scan.NextNumber(rest)
		}
		to = scan.Grow(to)
		last := &to[len(to)-1]
		n.Name = scan.Keep(last.Name, name)
		*last = n
	}
	return to
}
