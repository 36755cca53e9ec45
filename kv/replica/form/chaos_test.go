package form

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// runner runs a member's search, again after each restart.
type runner struct {
	*member
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *runner) start(t *testing.T) {
	r.restart(3)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan struct{})
	go func() {
		defer close(r.done)
		if err := r.f.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", r.id.Name, err)
		}
	}()
}

func (r *runner) stop() { r.cancel(); <-r.done; r.wg.Wait() }

func (r *runner) away(w *world, down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.down = down
}

// clusters are all that the members of now, and those of before that lost their
// disks, have ever belonged to.
type clusters struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (c *clusters) note(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != "" {
		c.seen[id] = true
	}
}

// Four or five nodes of which three are to form a cluster restart, come late, cannot be
// reached for a while, and one loses its disk: there is never a second cluster, and
// where no disk is lost, one in the end.
func TestThereIsNeverASecondCluster(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 1))
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			slow := rng.IntN(300) + 1
			w.delay = func() { <-time.After(time.Duration(rand.IntN(slow)) * time.Millisecond) }
			ever := clusters{seen: map[string]bool{}}
			join := []string{"n0", "n1", "n2", "n3"}
			wipes := rng.IntN(2)
			lost := wipes > 0
			if !lost { // else two lists might share the lost node alone
				join = append(join, "n4")
			}
			var all []*runner
			for i, name := range join {
				r := &runner{member: w.add(name, fmt.Sprint("i", i), 3, join...)}
				r.away(w, rng.IntN(2) == 0) // it comes late
				all = append(all, r)
				r.start(t)
			}
			for range 20 {
				<-time.After(time.Duration(rng.IntN(200)) * time.Millisecond)
				r := all[rng.IntN(len(all))]
				ever.note(r.f.Cluster())
				switch rng.IntN(4) {
				case 0:
					r.stop()
					if wipes > 0 && rng.IntN(3) == 0 {
						wipes--
						ever.note(r.f.Cluster())
						w.mu.Lock()
						clear(r.facts)
						r.id.Instance += "-again"
						w.mu.Unlock()
					}
					r.start(t)
				default:
					r.away(w, rng.IntN(3) == 0)
				}
			}
			for _, r := range all {
				r.away(w, false)
			}
			<-time.After(10 * time.Second)
			for _, r := range all {
				r.stop()
				ever.note(r.f.Cluster())
				if r.f.Cluster() == "" && !lost {
					t.Errorf("seed %d: %s has no cluster", seed, r.id.Name)
				}
			}
			if len(ever.seen) > 1 {
				t.Errorf("seed %d: clusters %v", seed, ever.seen)
			}
		})
	}
}
