package flow

import "pingd/proxy/http1"

// heldSize is how much of a request body is kept for sending it again.
const heldSize = 64 << 10

// body is a request body on its way from the client to a server.
type body struct {
	kind    http1.BodyKind
	left    int64
	chunked http1.Chunked
	done    bool   // its end has been read from the client
	hold    bool   // the request may be sent again: worth keeping
	over    bool   // more was read than is held
	held    []byte // what was read after the head's buffer
}

func (b *body) begin(req *http1.Request, hold bool) {
	b.kind, b.left = req.Body()
	b.done, b.over, b.hold = b.kind == http1.NoBody, false, hold
	b.held = b.held[:0]
	if b.kind == http1.ChunkedBody {
		b.chunked.Reset(false)
	}
}

// take returns how many bytes of p belong to the body.
func (b *body) take(p []byte) (int, *http1.Error) {
	switch {
	case b.done:
		return 0, nil
	case b.kind == http1.Length:
		n := min(int64(len(p)), b.left)
		b.left -= n
		b.done = b.left == 0
		return int(n), nil
	}
	n, done, err := b.chunked.Scan(p)
	b.done = done
	return n, err
}

// passed takes down that p went up, and keeps it while that is cheap and of use.
func (b *body) passed(p []byte) {
	if !b.hold || b.over || len(b.held)+len(p) > heldSize {
		b.over, b.held = true, b.held[:0]
		return
	}
	b.held = append(b.held, p...)
}
