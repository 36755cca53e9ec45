package replica

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
)

func TestRepliesTooLargeToBePassedOnAreRefusedAndHarmNobodyElse(t *testing.T) {
	t.Parallel()
	// A busy machine takes its time over so many bytes, and must not elect anew.
	c := newCluster(t, 3, func(cfg *Config) { cfg.RouteWait, cfg.ElectionTimeout = 30*time.Second, time.Second })
	leader := c.form()
	leader.must("SETRANGE", "large", "31457279", "x") // three of them do not fit into a frame
	leader.must("SET", "small", "1")
	var f *node
	three := func(words ...string) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		f = c.others(c.leader())[0]
		var out engine.Replies
		return f.replica().Do(ctx, []engine.Command{command(words...), command(words...), command(words...)}, &out)
	}
	// The second try is for the case that it has come to lead.
	c.eventually("three large reads to be refused", func() bool { return errors.Is(three("GET", "large"), ErrTooMuch) })
	c.eventually("three large replies of writes to be lost", func() bool { return errors.Is(three("GETEX", "large"), ErrUncertain) })
	// Many at once travel in one frame: each gets its own.
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			key := "small"
			if i%10 == 0 {
				key = "large"
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			var out engine.Replies
			if err := f.replica().Do(ctx, []engine.Command{command("GET", key)}, &out); err != nil {
				t.Errorf("GET %s: %v", key, err)
			}
		})
	}
	wg.Wait()
}

// A message that does not fit into a frame would end the connections to all others,
// over which leaders are asked whether they still lead.
func TestMessagesTooLargeToBePassedOnAreRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, func(cfg *Config) { cfg.Join, cfg.Expect = nil, 0 })
	c.nodes[0].start()
	c.leader()
	r := c.nodes[0].replica()
	r.OnPublish(func(_, _ []byte) int64 { return 1 })
	if n, err := r.Publish(t.Context(), []byte("c"), make([]byte, bus.MaxFrame-10)); n != 1 || err != nil {
		t.Errorf("the largest: %d, %v", n, err)
	}
	if _, err := r.Publish(t.Context(), []byte("c"), make([]byte, bus.MaxFrame)); !errors.Is(err, ErrLargeMessage) {
		t.Errorf("one that is larger: %v", err)
	}
}
