package probe

import "encoding/binary"

// State is how far a node is, in its own words. Its encoding may grow at its end:
// a node of an earlier version ignores what it does not know.
type State struct {
	Term, Last, Commit, Applied uint64

	Low    bool   // the node's disk is nearly full
	Leads  bool   // the node leads
	Leases bool   // as leader, the node answers reads without asking
	Leader string // the node's leader, and where its bus is; empty if there is none
	Addr   string

	Incarnation uint64 // of the node's process; 0 = an earlier version does not say
}

const (
	flagLow    = 1
	flagLeads  = 2
	flagLeases = 4
	maxText    = 512
)

// Append appends the encoded state.
func (s *State) Append(dst []byte) []byte {
	for _, v := range []uint64{s.Term, s.Last, s.Commit, s.Applied} {
		dst = binary.AppendUvarint(dst, v)
	}
	flags := uint64(0)
	if s.Low {
		flags |= flagLow
	}
	if s.Leads {
		flags |= flagLeads
	}
	if s.Leases {
		flags |= flagLeases
	}
	dst = binary.AppendUvarint(dst, flags)
	for _, t := range []string{s.Leader, s.Addr} {
		t = t[:min(len(t), maxText)]
		dst = append(binary.AppendUvarint(dst, uint64(len(t))), t...)
	}
	return binary.AppendUvarint(dst, s.Incarnation)
}

// Parse decodes a state, also one that ends after the numbers.
func Parse(b []byte) (s State, ok bool) {
	for _, v := range []*uint64{&s.Term, &s.Last, &s.Commit, &s.Applied} {
		n := 0
		if *v, n = binary.Uvarint(b); n <= 0 {
			return State{}, false
		}
		b = b[n:]
	}
	flags, n := binary.Uvarint(b)
	if n <= 0 {
		return s, len(b) == 0
	}
	s.Low, s.Leads, s.Leases = flags&flagLow != 0, flags&flagLeads != 0, flags&flagLeases != 0
	b = b[n:]
	for _, t := range []*string{&s.Leader, &s.Addr} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > maxText || size > uint64(len(b)-n) {
			return State{}, false
		}
		*t, b = string(b[n:n+int(size)]), b[n+int(size):]
	}
	s.Incarnation, _ = binary.Uvarint(b) // 0 if nothing is left
	return s, true
}
