package outbox

import (
	"sync"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica/entry"
)

// proposal is one Do on its way: some commands, encoded, and who waits for them.
type proposal struct {
	body []byte // the commands, from bodies
	n    int    // how many
	size int    // of body, which is a part of its frame's later
	// level of the commands, see engine.Level
	level uint8
	born  time.Time
	done  chan outcome // holds one
}

// outcome is what a proposal came to: replies from..from+n, or an error.
type outcome struct {
	replies *engine.Replies
	from    int
	local   bool // applied by this node while it led
	err     error
}

// bodies holds buffers for encoded commands.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

func newProposal(cmds []engine.Command, level uint8) *proposal {
	buf := *bodies.Get().(*[]byte)
	p := &proposal{body: buf[:0], n: len(cmds), level: level, born: time.Now(), done: make(chan outcome, 1)}
	for i := range cmds {
		p.body = entry.AppendCommand(p.body, &cmds[i])
	}
	return p
}

// frame is what travels: the proposals that were waiting together. A write frame
// is one group of the log; its number makes sending it twice harmless.
type frame struct {
	read   bool
	number uint64
	level  uint8
	props  []*proposal
	body   []byte // an encoded group, or for reads an encoded command list
	born   time.Time

	flying bool // handed to Raft or to the leader
	maybe  bool // was handed over once and may have been applied
}

// fill takes over props and appends their encoding to dst: f.body is a part of
// what it returns.
func (f *frame) fill(dst []byte, props []*proposal, origin entry.Origin) []byte {
	f.props, f.born = props, props[0].born
	n := count(props)
	for _, p := range props {
		f.level = max(f.level, p.level)
	}
	from := len(dst)
	if f.read {
		dst = entry.AppendCount(dst, n)
	} else {
		dst = entry.AppendOrigin(dst, origin, n)
	}
	for _, p := range props {
		dst = append(dst, p.body...)
		p.size = len(p.body)
		if buf := p.body; cap(buf) <= 64<<10 {
			bodies.Put(&buf) // never &p.body: it is about to change
		}
		p.body = nil
	}
	f.body = dst[from:len(dst):len(dst)]
	return dst
}

// count returns how many commands props have.
func count(props []*proposal) (n int) {
	for _, p := range props {
		n += p.n
	}
	return n
}

// halve makes two frames of reads of one whose replies are too large together, and
// fails a proposal whose replies are too large by themselves.
func (f *frame) halve() (halves []*frame) {
	defer func() { f.props = nil }()
	if len(f.props) == 1 {
		f.fail(ErrTooMuch)
		return nil
	}
	rest := f.body[len(entry.AppendCount(nil, count(f.props))):]
	for _, props := range [][]*proposal{f.props[:len(f.props)/2], f.props[len(f.props)/2:]} {
		h := &frame{read: true, props: props, born: f.born, body: entry.AppendCount(nil, count(props))}
		for _, p := range props {
			h.body, rest = append(h.body, rest[:p.size]...), rest[p.size:]
		}
		halves = append(halves, h)
	}
	return halves
}

// resolve hands each proposal its replies.
func (f *frame) resolve(r *engine.Replies, local bool) {
	from := 0
	for _, p := range f.props {
		if from+p.n > r.Len() {
			// The peer answered too little: it is not what it claims to be.
			p.done <- outcome{err: ErrUncertain}
			continue
		}
		p.done <- outcome{replies: r, from: from, local: local}
		from += p.n
	}
}

// fail ends all proposals: with err if surely nothing was applied.
func (f *frame) fail(err error) {
	if f.maybe && !f.read {
		err = ErrUncertain
	}
	for _, p := range f.props {
		p.done <- outcome{err: err}
	}
}

// appendRange appends replies from..from+n of src to dst.
func appendRange(dst, src *engine.Replies, from, n int) {
	if n == 0 {
		return
	}
	start := 0
	if from > 0 {
		start = src.Ends[from-1]
	}
	shift := len(dst.Buf) - start
	dst.Buf = append(dst.Buf, src.Buf[start:src.Ends[from+n-1]]...)
	for _, end := range src.Ends[from : from+n] {
		dst.Ends = append(dst.Ends, end+shift)
	}
}
