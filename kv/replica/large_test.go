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
	// A busy machine takes its time over so many bytes.
	c := newCluster(t, 3, func(cfg *Config) { cfg.RouteWait = 30 * time.Second })
	leader := c.form()
	leader.must("SETRANGE", "large", "31457279", "x") // three of them do not fit into a frame
	leader.must("SET", "small", "1")
	f := c.others(c.leader())[0]
	three := func(words ...string) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var out engine.Replies
		return f.replica().Do(ctx, []engine.Command{command(words...), command(words...), command(words...)}, &out)
	}
	if err := three("GET", "large"); !errors.Is(err, ErrTooMuch) {
		t.Errorf("three large reads: %v, want %v", err, ErrTooMuch)
	}
	if err := three("GETEX", "large"); !errors.Is(err, ErrUncertain) {
		t.Errorf("three large replies of writes: %v, want %v", err, ErrUncertain)
	}
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
