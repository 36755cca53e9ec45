//go:debug randseednop=0

package sim

import (
	"flag"
	"fmt"
	oldrand "math/rand"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

var (
	flagSeed  = flag.Uint64("sim.seed", 0, "run this seed alone, exactly as it ran before")
	flagSeeds = flag.Int("sim.seeds", 0, "how many seeds TestSeeds runs, each exactly; default: as many as fit its short time, in one process")
	flagFrom  = flag.Uint64("sim.from", 1, "the first seed")
	flagTrace = flag.Bool("sim.trace", false, "print what happened in the seed")
	flagHere  = flag.Bool("sim.here", false, "run the seed in this process (and in an order that Go's scheduler may change)")
)

func TestMain(m *testing.M) {
	var known []goleak.Option
	for _, f := range leftByRaft {
		known = append(known, goleak.IgnoreAnyFunction(f))
	}
	goleak.VerifyTestMain(m, known...)
}

// leftByRaft are the two goroutines that Raft leaves behind when a leader is deposed
// in the middle of a leadership transfer, and the one that waits for its outcome: one
// of them waits for ever to hand a request to a replication that has ended.
var leftByRaft = []string{
	"github.com/hashicorp/raft.(*Raft).leadershipTransfer",
	"github.com/hashicorp/raft.(*Raft).leaderLoop.func2",
	"pingd/kv/replica.(*Replica).await.func1",
}

// shortTime is for how long TestSeeds runs without flags.
const shortTime = 15 * time.Second

func TestSeeds(t *testing.T) {
	switch {
	case *flagSeed != 0 && *flagHere:
		w := runSeed(t, *flagSeed)
		if *flagTrace {
			for _, e := range w.events {
				fmt.Println(e)
			}
		}
		w.report(t)
	case *flagSeeds != 0 && *flagHere: // until one fails
		for seed := range uint64(*flagSeeds) {
			w := runSeed(t, *flagFrom+seed)
			if w.report(t); t.Failed() {
				return
			}
			fmt.Println("seed-done")
		}
	case *flagSeed != 0:
		runExactly(t, *flagSeed, 1)
	case *flagSeeds != 0:
		runExactly(t, *flagFrom, *flagSeeds)
	default:
		began, seed, ops, undecided := time.Now(), *flagFrom, 0, 0
		for ; time.Since(began) < shortTime; seed++ {
			w := runSeed(t, seed)
			w.report(t)
			ops, undecided = ops+len(w.hist.ops), undecided+w.undecided
		}
		t.Logf("%d seeds in %s, %d operations, %d keys undecided", seed-*flagFrom, time.Since(began).Round(time.Second), ops, undecided)
	}
}

// runExactly runs n seeds, each in a process of its own whose runtime does the same
// each time.
func runExactly(t *testing.T, from uint64, n int) {
	binary, err := build(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	var more []string
	if *flagTrace {
		more = append(more, "-sim.trace")
	}
	began := time.Now()
	var next, failed atomic.Uint64
	next.Store(from)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= from+uint64(n) || t.Context().Err() != nil {
					return
				}
				out, bad, err := runOnce(binary, seed, more...)
				if bad || err != nil {
					failed.Add(1)
					t.Errorf("seed %d: %v\n%s", seed, err, out)
				} else if *flagTrace {
					t.Log(out)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d seeds in %s, %d failed", n, time.Since(began).Round(time.Second), failed.Load())
}

// runSeed runs one seed in a bubble and returns its world, checked.
func runSeed(t *testing.T, seed uint64) *world {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	//lint:ignore SA1019 Raft draws its timeouts from this source.
	oldrand.Seed(int64(seed))
	var w *world
	watchdog := time.AfterFunc(stuckAfter, func() {
		buf := make([]byte, 4<<20)
		fmt.Fprintf(os.Stderr, "seed %d is stuck\n%s\n", seed, buf[:runtime.Stack(buf, true)])
		os.Exit(3)
	})
	defer watchdog.Stop()
	if left := bubble(t, func() {
		w = newWorld(seed)
		w.run()
	}); left != "" {
		w.fail("goroutines are left:\n%s", left)
	}
	debug.SetGCPercent(100) // it may be off, for the sake of exactness
	w.undecided = w.check()
	return w
}

// stuckAfter is when a seed counts as stuck, in real time: fake time stands still
// when a goroutine waits for a mutex whose holder waits for time to pass.
const stuckAfter = 3 * time.Minute

// bubble runs f in a bubble and returns the stacks of what is left running, without
// what Raft is known to leave.
func bubble(t *testing.T, f func()) (left string) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if text := fmt.Sprint(r); !strings.HasPrefix(text, "deadlock: main bubble goroutine has exited") {
			panic(r)
		}
		buf := make([]byte, 4<<20)
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			head, _, _ := strings.Cut(stack, "\n")
			if id := strings.Fields(head)[1]; strings.Contains(head, "synctest bubble") && !isKnown(stack) && !seenLeft[id] {
				seenLeft[id] = true
				left += stack + "\n\n"
			}
		}
	}()
	synctest.Test(t, func(*testing.T) { f() })
	return ""
}

// seenLeft are goroutines left by earlier seeds, by number.
var seenLeft = map[string]bool{}

func isKnown(stack string) bool {
	return slices.ContainsFunc(leftByRaft, func(f string) bool { return strings.Contains(stack, f+"(") })
}
