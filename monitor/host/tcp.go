package host

import "pingd/monitor/host/scan"

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
		names, b = scan.Line(b)
		values, b = scan.Line(b)
		group, names := scan.Field(names)
		same, values := scan.Field(values)
		if string(group) != string(same) {
			return
		}
		for {
			var name, value []byte
			name, names = scan.Field(names)
			value, values = scan.Field(values)
			if len(name) == 0 || len(value) == 0 {
				break
			}
			if to := t.field(group, name); to != nil {
				*to = scan.Number(value)
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
		line, b = scan.Line(b)
		group, rest := scan.Field(line)
		for {
			var name []byte
			var n uint64
			if name, rest = scan.Field(rest); len(name) == 0 {
				break
			}
			n, rest = scan.NextNumber(rest)
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
