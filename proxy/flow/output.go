package flow

// output is what waits to be written to one side: a, then b. Until the first
// write a lies in memory that all machines of a worker share and b in what was
// just read; only what that write leaves over is copied.
type output struct {
	a, b []byte
	kept []byte // the machine's own memory
	own  bool   // a lies in it
}

func (o *output) size() int { return len(o.a) + len(o.b) }

// open makes a ready to be appended to: behind what waits already, or in shared.
func (o *output) open(shared []byte) {
	if o.size() == 0 {
		o.a, o.b, o.own = shared[:0], nil, false
		return
	}
	o.keep()
}

// sent takes away the first n bytes and copies what is left.
func (o *output) sent(n int) {
	if n < len(o.a) {
		o.a = o.a[n:]
	} else {
		n -= len(o.a)
		o.a = o.a[len(o.a):]
		o.b = o.b[n:]
	}
	o.keep()
}

func (o *output) keep() {
	switch {
	case o.size() == 0:
		o.clear()
	case !o.own:
		o.kept = append(append(o.kept[:0], o.a...), o.b...)
		o.a, o.b, o.own = o.kept, nil, true
	case len(o.b) > 0:
		o.a = append(o.a, o.b...)
		o.b = nil
	}
}

func (o *output) clear() { o.a, o.b, o.own = nil, nil, false }
