package host

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

// ParseNets appends the interfaces in the bytes of /proc/net/dev to to[:0] and
// returns it.
func ParseNets(b []byte, to []Net) []Net {
	to = to[:0]
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		name, rest, ok := cutColon(line)
		if !ok || len(name) == 0 {
			continue // the two header lines
		}
		n := Net{}
		var skip uint64
		for _, f := range [...]*uint64{
			&n.RxBytes, &n.RxPackets, &n.RxErrors, &n.RxDrops, &skip, &skip, &skip, &skip,
			&n.TxBytes, &n.TxPackets, &n.TxErrors, &n.TxDrops,
		} {
			*f, rest = cutNumber(rest)
		}
		to = grow(to)
		last := &to[len(to)-1]
		n.Name = keep(last.Name, name)
		*last = n
	}
	return to
}

// cutColon splits "  eth0:123 ..." at its colon and trims blanks before the name.
func cutColon(line []byte) (name, rest []byte, ok bool) {
	for i, c := range line {
		if c == ':' {
			name, _ = cutField(line[:i])
			return name, line[i+1:], true
		}
	}
	return nil, nil, false
}

// TCP holds counters of /proc/net/snmp and /proc/net/netstat.
type TCP struct {
	ActiveOpens, PassiveOpens, AttemptFails uint64
	Established                             uint64 // connections now
	InSegs, OutSegs, RetransSegs            uint64
	InErrs, OutRsts                         uint64
	ListenOverflows, ListenDrops, Timeouts  uint64
	UDPIn, UDPOut, UDPInErrors, UDPNoPorts  uint64
	UDPRcvbufErrors, UDPSndbufErrors        uint64
}

// ParseTCP adds to t what the bytes of /proc/net/snmp or /proc/net/netstat say.
// Both files are pairs of lines: names, then values in the same order.
func ParseTCP(b []byte, t *TCP) {
	for len(b) > 0 {
		var names, values []byte
		names, b = cutLine(b)
		values, b = cutLine(b)
		group, names := cutField(names)
		same, values := cutField(values)
		if string(group) != string(same) {
			return
		}
		for {
			var name, value []byte
			name, names = cutField(names)
			value, values = cutField(values)
			if len(name) == 0 || len(value) == 0 {
				break
			}
			if to := t.field(group, name); to != nil {
				*to = number(value)
			}
		}
	}
}

func (t *TCP) field(group, name []byte) *uint64 {
	switch string(group) {
	case "Tcp:":
		return t.tcp(name)
	case "TcpExt:":
		return t.tcpExt(name)
	case "Udp:":
		return t.udp(name)
	}
	return nil
}

func (t *TCP) tcp(name []byte) *uint64 {
	switch string(name) {
	case "ActiveOpens":
		return &t.ActiveOpens
	case "PassiveOpens":
		return &t.PassiveOpens
	case "AttemptFails":
		return &t.AttemptFails
	case "CurrEstab":
		return &t.Established
	case "InSegs":
		return &t.InSegs
	case "OutSegs":
		return &t.OutSegs
	case "RetransSegs":
		return &t.RetransSegs
	case "InErrs":
		return &t.InErrs
	case "OutRsts":
		return &t.OutRsts
	}
	return nil
}

func (t *TCP) tcpExt(name []byte) *uint64 {
	switch string(name) {
	case "ListenOverflows":
		return &t.ListenOverflows
	case "ListenDrops":
		return &t.ListenDrops
	case "TCPTimeouts":
		return &t.Timeouts
	}
	return nil
}

func (t *TCP) udp(name []byte) *uint64 {
	switch string(name) {
	case "InDatagrams":
		return &t.UDPIn
	case "OutDatagrams":
		return &t.UDPOut
	case "InErrors":
		return &t.UDPInErrors
	case "NoPorts":
		return &t.UDPNoPorts
	case "RcvbufErrors":
		return &t.UDPRcvbufErrors
	case "SndbufErrors":
		return &t.UDPSndbufErrors
	}
	return nil
}

// Sockets is /proc/net/sockstat: sockets now.
type Sockets struct {
	Used                               uint64
	InUse, Orphan, TimeWait, Allocated uint64 // TCP
	MemoryPages                        uint64 // TCP buffers, in pages of 4 KiB
	UDPInUse                           uint64
}

// ParseSockets fills s from the bytes of /proc/net/sockstat.
func ParseSockets(b []byte, s *Sockets) {
	*s = Sockets{}
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		group, rest := cutField(line)
		for {
			var name []byte
			var n uint64
			if name, rest = cutField(rest); len(name) == 0 {
				break
			}
			n, rest = cutNumber(rest)
			if to := s.field(group, name); to != nil {
				*to = n
			}
		}
	}
}

func (s *Sockets) field(group, name []byte) *uint64 {
	switch string(group) {
	case "sockets:":
		if string(name) == "used" {
			return &s.Used
		}
	case "UDP:":
		if string(name) == "inuse" {
			return &s.UDPInUse
		}
	case "TCP:":
		switch string(name) {
		case "inuse":
			return &s.InUse
		case "orphan":
			return &s.Orphan
		case "tw":
			return &s.TimeWait
		case "alloc":
			return &s.Allocated
		case "mem":
			return &s.MemoryPages
		}
	}
	return nil
}
