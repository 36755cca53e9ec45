package group

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal notes what members do, with the time since its start.
type journal struct {
	began time.Time

	mu    sync.Mutex
	lines []string
}

func newJournal() *journal { return &journal{began: time.Now()} }

func (j *journal) note(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, what+"@"+time.Since(j.began).String())
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, " ")
}

// member stops in the given time.
func (j *journal) member(name string, stopping time.Duration, err error) Member {
	return Member{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		<-time.After(stopping) // of the bubble: the work of a drain
		j.note(name)
		return err
	}}
}

func TestStopsInReverseOrderOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Run(ctx, Config{Stopping: func() { j.note("stopping") }},
				j.member("store", time.Second, nil), j.member("counter", 2*time.Second, nil), j.member("proxy", 3*time.Second, nil))
		}()
		<-time.After(10 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("got %v", err)
		}
		if got, want := j.String(), "stopping@10s proxy@13s counter@15s store@16s"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestStoppedBeforeItStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // a group that is stopped before it starts still runs and stops each member once
		ran := map[string]int{}
		var mu sync.Mutex
		member := func(name string) Member {
			return Member{Name: name, Run: func(ctx context.Context) error {
				mu.Lock()
				ran[name]++
				mu.Unlock()
				<-ctx.Done()
				return nil
			}}
		}
		if err := Run(ctx, Config{}, member("a"), member("b")); err != nil {
			t.Errorf("got %v", err)
		}
		if ran["a"] != 1 || ran["b"] != 1 {
			t.Errorf("got %v", ran)
		}
	})
}

var errBroken = errors.New("disk is gone")

func TestFirstFailureStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		failing := Member{Name: "store", Run: func(context.Context) error {
			<-time.After(time.Second)
			return errBroken
		}}
		err := Run(t.Context(), Config{}, failing, j.member("counter", 0, nil), j.member("proxy", time.Second, nil))
		if !errors.Is(err, errBroken) || err.Error() != "store: disk is gone" {
			t.Errorf("got %v", err)
		}
		if got, want := j.String(), "proxy@2s counter@2s"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestMemberThatEndsByItselfIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := Run(t.Context(), Config{}, newJournal().member("a", 0, nil), Member{Name: "b", Run: func(context.Context) error { return nil }})
		if err == nil || err.Error() != "b: ended by itself" {
			t.Errorf("got %v", err)
		}
	})
}

func TestErrorsWhileStoppingAreToldWithTheirNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		j := newJournal()
		err := Run(ctx, Config{}, j.member("store", 0, errBroken), j.member("proxy", 0, nil), j.member("counter", 0, errors.New("stuck")))
		if !errors.Is(err, errBroken) || err.Error() != "stop store: disk is gone\nstop counter: stuck" {
			t.Errorf("got %v", err)
		}
	})
}

func TestMemberThatHangsLeavesTheOthersTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		hangs := Member{Name: "proxy", Run: func(context.Context) error { <-release; return nil }}
		done := make(chan error, 1)
		go func() {
			done <- Run(ctx, Config{Timeout: 20 * time.Second}, j.member("store", time.Second, nil), j.member("counter", time.Second, nil), hangs)
		}()
		cancel()
		err := <-done
		if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "proxy: did not stop in time (20s)") {
			t.Errorf("got %v", err)
		}
		// 20 s less 2 s for each of the two others, then one after the other.
		if got, want := j.String(), "counter@17s store@18s"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if took := time.Since(j.began); took != 20*time.Second {
			t.Errorf("stopped after %v, want the whole limit", took)
		}
		close(release)
		synctest.Wait()
	})
}

func TestSlowMemberThatEndsWithinTheLimitIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Run(ctx, Config{}, j.member("store", 0, nil), j.member("proxy", 29*time.Second, nil)); err != nil {
			t.Errorf("got %v", err)
		}
		if got, want := j.String(), "store@28s proxy@29s"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestEmptyGroupWaitsForItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Run(ctx, Config{}); err != nil || ctx.Err() == nil {
			t.Errorf("got %v with the context's %v", err, ctx.Err())
		}
	})
}
