package drive

import (
	"context"
	"fmt"
	"time"

	"pingd/integration/procs/wire"
)

// Writer is one client that increments one key, the way an application would
// that knows where else to go: on an error or a late answer it asks Locate and
// connects anew. A try whose outcome is unknown is not repeated under another
// name: it may leave a number that nobody got.
type Writer struct {
	Key   string
	Every time.Duration // between the starts of two writes (0: at once)
	Try   time.Duration // after which a try without an answer is given up
	// Password is sent first by every connection, unless empty.
	Password string
	// Locate returns the address to use after the one tried last ("" at first)
	// did not serve.
	Locate func(ctx context.Context, last string) (string, error)
	// Moved, if not nil, is told when the place to write to is another one, as
	// Sentinel tells its clients: the writer locates it anew before its next write.
	Moved <-chan struct{}
}

// betweenTries keeps a writer without a server from becoming a busy loop. It is
// part of every gap that is measured, for every system.
const betweenTries = 2 * time.Millisecond

// Run writes until ctx ends and reports to rec.
func (w Writer) Run(ctx context.Context, rec *Recorder) error {
	var conn *wire.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	command := wire.AppendCommand(nil, "INCR", w.Key)
	var addr string
	for ctx.Err() == nil {
		start := time.Now()
		if conn != nil && told(w.Moved) {
			conn.Close()
			conn = nil
		}
		number, err := w.try(ctx, &conn, &addr, command)
		if err != nil {
			rec.Fail(kind(err))
			wait(ctx, betweenTries)
			continue
		}
		if err := rec.Ack(number); err != nil {
			return err
		}
		if rest := w.Every - time.Since(start); rest > 0 {
			wait(ctx, rest)
		}
	}
	return nil
}

// told reports whether something came in, without waiting for it.
func told(moved <-chan struct{}) bool {
	select {
	case <-moved:
		return true
	default:
		return false
	}
}

// try makes one try; after an error conn is closed and nil.
func (w Writer) try(ctx context.Context, conn **wire.Conn, addr *string, command []byte) (int64, error) {
	// Not cut off by the run's end: an answer under way still counts.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Try)
	defer cancel()
	if *conn == nil {
		next, err := w.Locate(ctx, *addr)
		if err != nil {
			return 0, fmt.Errorf("locate: %w", err)
		}
		*addr = next
		if *conn, err = wire.Dial(ctx, next); err != nil {
			*conn = nil
			return 0, fmt.Errorf("connect: %w", err)
		}
		if err := w.login(*conn); err != nil {
			(*conn).Close()
			*conn = nil
			return 0, err
		}
	}
	number, err := increment(*conn, command, time.Now().Add(w.Try))
	if err != nil {
		(*conn).Close()
		*conn = nil
	}
	return number, err
}

func (w Writer) login(c *wire.Conn) error {
	if w.Password == "" {
		return nil
	}
	if err := c.SetDeadline(time.Now().Add(w.Try)); err != nil {
		return err
	}
	if _, err := c.Call("AUTH", w.Password); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

func increment(c *wire.Conn, command []byte, deadline time.Time) (int64, error) {
	if err := c.SetDeadline(deadline); err != nil {
		return 0, err
	}
	if err := c.Send(command); err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	number, err := c.ReadInt()
	if err != nil {
		return 0, fmt.Errorf("read answer: %w", err)
	}
	return number, nil
}

// InTurn returns a Locate that goes around the given addresses.
func InTurn(addrs []string) func(ctx context.Context, last string) (string, error) {
	return func(_ context.Context, last string) (string, error) {
		for i, addr := range addrs {
			if addr == last {
				return addrs[(i+1)%len(addrs)], nil
			}
		}
		return addrs[0], nil
	}
}
