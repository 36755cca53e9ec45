package rpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// stuckPipeline is a pipeline that takes nothing until it is closed.
type stuckPipeline struct {
	raft.AppendPipeline
	once    sync.Once
	closed  chan struct{}
	answers chan raft.AppendFuture
}

func newStuck() *stuckPipeline {
	return &stuckPipeline{closed: make(chan struct{}), answers: make(chan raft.AppendFuture)}
}

func (p *stuckPipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

func (p *stuckPipeline) AppendEntries(*raft.AppendEntriesRequest, *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	<-p.closed
	return nil, raft.ErrPipelineShutdown
}

func (p *stuckPipeline) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func newPipeline(t *testing.T, ctx context.Context, inner raft.AppendPipeline) *pipeline {
	t.Helper()
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	tr := New(Config{
		Ctx: ctx, Hung: func() bool { return false },
		Spawn: func(f func()) bool { wg.Go(f); return true },
	})
	p, err := tr.over(inner)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answer is one to a pipelined request.
type answer struct {
	raft.AppendFuture
	err     error
	success bool
}

func (a answer) Error() error { return a.err }

func (a answer) Response() *raft.AppendEntriesResponse {
	return &raft.AppendEntriesResponse{Success: a.success}
}

// Raft stops to read answers at the first that is no success. The request after it,
// which waits to be taken, must not wait any longer: it holds up all replication to
// that node.
func TestAPipelineEndsWithTheFirstAnswerThatIsNoSuccess(t *testing.T) {
	for name, last := range map[string]answer{
		"refused": {}, "connection lost": {err: io.ErrUnexpectedEOF}, "lost after it was read": {err: io.EOF, success: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := newStuck()
				p := newPipeline(t, t.Context(), inner)
				began, taken := time.Now(), make(chan error)
				go func() {
					_, err := p.AppendEntries(nil, nil)
					taken <- err
				}()
				for _, a := range []answer{{success: true}, {success: true}, last} {
					inner.answers <- a
					if got := <-p.Consumer(); got.(answer) != a {
						t.Fatalf("answer %v became %v", a, got)
					}
					synctest.Wait()
					select {
					case err := <-taken:
						if a != last || !errors.Is(err, raft.ErrPipelineShutdown) {
							t.Fatalf("after %+v: %v", a, err)
						}
						return
					default:
					}
				}
				t.Errorf("the request still waits; it ended with %v, %s later", <-taken, time.Since(began))
			})
		})
	}
}

// A pipeline whose answers nobody reads any more takes nothing, and whoever waits for
// it would keep Raft from stopping.
func TestAPipelineThatTakesNothingEnds(t *testing.T) {
	for _, how := range []string{"with its node", "by itself"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := newPipeline(t, ctx, newStuck())
				began := time.Now()
				if how == "with its node" {
					time.AfterFunc(time.Millisecond, cancel)
				}
				if _, err := p.AppendEntries(nil, nil); !errors.Is(err, raft.ErrPipelineShutdown) {
					t.Fatal(err)
				}
				if took := time.Since(began); took > takeWait || how == "with its node" && took > time.Millisecond {
					t.Fatalf("after %s", took)
				}
				_ = p.Close()
			})
		})
	}
}

func TestAPipelineOfANodeThatHasEndedEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		p := newPipeline(t, ctx, newStuck())
		if _, err := p.AppendEntries(nil, nil); !errors.Is(err, raft.ErrPipelineShutdown) {
			t.Fatal(err)
		}
	})
}
