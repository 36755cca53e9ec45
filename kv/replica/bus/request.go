package bus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// Handler answers one request. It runs on the connection's reading goroutine:
// what may block goes into a goroutine of the handler's own, bounded by it.
// reply is called at most once, from any goroutine, also after the connection
// broke; it takes over the payload.
type Handler func(ctx context.Context, from Peer, kind byte, payload []byte, reply func(status byte, payload []byte))

// Peer is who sent a request.
type Peer struct {
	Identity
	Purpose Purpose
}

// Reply status bytes below 16 belong to this package.
const (
	StatusOK    = 0
	StatusError = 1 // the payload is the error's text
	StatusBusy  = 2 // there is a reply, and too much waits for this peer already
)

// MaxFrame is how many bytes the payload of a request or a reply may have: more than
// the largest log entry. A larger one ends the connection.
const MaxFrame = 80 << 20

// Limits of request connections.
const (
	maxBacklog = 256 << 20 // bytes of requests that wait to be sent
	maxReplies = 128 << 20 // bytes of replies that wait; more than one of MaxFrame
	maxBusy    = 1 << 20   // bytes of StatusBusy after that: a peer that reads nothing goes
	maxCalls   = 4096      // without a reply on one connection: the peer is stuck
)

// ErrLost says that a connection broke after a request was handed to it: the
// peer may or may not have acted on it.
var ErrLost = errors.New("bus connection lost")

// ErrBusy says that a request was not sent because too many before it have no
// reply yet.
var ErrBusy = errors.New("bus connection has too many requests without a reply")

// RemoteError is the text of an error that a peer answered with.
type RemoteError string

// Error returns the text as the peer sent it.
func (e RemoteError) Error() string { return string(e) }

// writer sends frames in order from one goroutine, all that wait in one write.
// Its callers never block on the network.
type writer struct {
	c net.Conn

	mu      sync.Mutex
	buf     []byte
	err     error
	waiting chan struct{}
}

func newWriter(c net.Conn) *writer {
	return &writer{c: c, waiting: make(chan struct{}, 1)}
}

// send queues one frame. An error means that it will not be sent.
func (w *writer) send(number uint64, kind byte, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue(number, kind, payload, maxBacklog)
}

// reply queues the reply to a request; one that does not fit is not sent, and the peer
// told so. It must not be the end of the connection: large replies over a slow network
// would be asked for again and again, and none would ever arrive.
func (w *writer) reply(number uint64, status byte, payload []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.buf)+len(payload) > maxReplies {
		status, payload = StatusBusy, nil
	}
	_ = w.queue(number, status, payload, maxReplies+maxBusy) // the peer learns of a broken connection by itself
}

// queue is send with mu held, unless more than limit would wait.
func (w *writer) queue(number uint64, kind byte, payload []byte, limit int) error {
	if w.err == nil && len(w.buf)+len(payload) > limit {
		w.err = errors.New("peer reads too slowly")
		_ = w.c.Close()
	}
	if w.err != nil {
		return w.err
	}
	w.buf = putHead(w.buf, len(payload), number, kind)
	w.buf = append(w.buf, payload...)
	select {
	case w.waiting <- struct{}{}:
	default:
	}
	return nil
}

// fail makes further sends return err and ends run.
func (w *writer) fail(err error) {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.mu.Unlock()
	select {
	case w.waiting <- struct{}{}:
	default:
	}
}

// run writes until fail.
func (w *writer) run() {
	var spare []byte
	for range w.waiting {
		w.mu.Lock()
		out, err := w.buf, w.err
		w.buf = spare[:0]
		w.mu.Unlock()
		if err != nil {
			return
		}
		if len(out) == 0 {
			spare = out
			continue // the write before took this frame along
		}
		if _, err := w.c.Write(out); err != nil {
			w.fail(err)
			_ = w.c.Close()
			return
		}
		spare = out
		if cap(spare) > 1<<20 {
			spare = nil
		}
	}
}

// serveRequests answers requests on c until it breaks.
func serveRequests(ctx context.Context, c net.Conn, peer Identity, p Purpose, h Handler) {
	w := newWriter(c)
	var wg sync.WaitGroup
	wg.Go(w.run)
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := bufio.NewReaderSize(c, 64<<10)
	from := Peer{Identity: peer, Purpose: p}
	for {
		number, kind, payload, err := readFrame(r, MaxFrame)
		if err != nil {
			w.fail(err)
			_ = c.Close()
			return
		}
		h(ctx, from, kind, payload, func(status byte, payload []byte) {
			w.reply(number, status, payload)
		})
	}
}

// Client is one request connection. It is safe for concurrent use; replies come
// in any order.
type Client struct {
	Peer Identity

	c net.Conn
	w *writer

	mu     sync.Mutex
	number uint64
	calls  map[uint64]func(status byte, payload []byte, err error)
	err    error

	done chan struct{}
}

// Connect dials addr and returns a request connection. It is kept until Close
// or until it breaks (Done).
func (b *Bus) Connect(ctx context.Context, addr string, p Purpose) (*Client, error) {
	c, peer, err := b.Dial(ctx, addr, p)
	if err != nil {
		return nil, err
	}
	cl := &Client{
		Peer: peer, c: c, w: newWriter(c),
		calls: map[uint64]func(byte, []byte, error){},
		done:  make(chan struct{}),
	}
	// One call for both: a writer without its reader would never end.
	if !b.spawn(func() {
		var wg sync.WaitGroup
		wg.Go(cl.w.run)
		cl.read()
		wg.Wait()
	}) {
		cl.Close()
		return nil, net.ErrClosed
	}
	return cl, nil
}

// Done is closed once the connection is broken or closed.
func (cl *Client) Done() <-chan struct{} { return cl.done }

// Close ends the connection; calls under way get ErrLost.
func (cl *Client) Close() { _ = cl.c.Close() }

// Start sends a request; then runs once, on the connection's reading goroutine,
// with its reply or with ErrLost. An error of Start means that nothing was sent
// and that then will not run.
func (cl *Client) Start(kind byte, payload []byte, then func(status byte, payload []byte, err error)) error {
	cl.mu.Lock()
	if cl.err != nil {
		defer cl.mu.Unlock()
		return cl.err
	}
	if len(cl.calls) >= maxCalls {
		cl.mu.Unlock()
		return ErrBusy
	}
	cl.number++
	n := cl.number
	cl.calls[n] = then
	cl.mu.Unlock()
	if err := cl.w.send(n, kind, payload); err != nil {
		cl.mu.Lock()
		_, ours := cl.calls[n]
		delete(cl.calls, n)
		cl.mu.Unlock()
		if ours {
			return err
		}
	}
	return nil
}

// Call sends a request and waits for its reply or for the end of ctx.
func (cl *Client) Call(ctx context.Context, kind byte, payload []byte) ([]byte, error) {
	type answer struct {
		status  byte
		payload []byte
		err     error
	}
	ch := make(chan answer, 1)
	err := cl.Start(kind, payload, func(status byte, payload []byte, err error) {
		ch <- answer{status, payload, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case a := <-ch:
		if a.err == nil && a.status != StatusOK {
			a.err = RemoteError(a.payload)
		}
		return a.payload, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (cl *Client) read() {
	r := bufio.NewReaderSize(cl.c, 64<<10)
	for {
		number, status, payload, err := readFrame(r, MaxFrame)
		if err != nil {
			cl.end(fmt.Errorf("%w: %w", ErrLost, err))
			return
		}
		cl.mu.Lock()
		then := cl.calls[number]
		delete(cl.calls, number)
		cl.mu.Unlock()
		if then != nil {
			then(status, payload, nil)
		}
	}
}

func (cl *Client) end(err error) {
	_ = cl.c.Close()
	cl.w.fail(err)
	cl.mu.Lock()
	cl.err = err
	calls := cl.calls
	cl.calls = nil
	cl.mu.Unlock()
	for _, then := range calls {
		then(0, nil, err)
	}
	close(cl.done)
}
