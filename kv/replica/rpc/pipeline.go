package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// AppendEntriesPipeline opens a pipeline that breaks when this node falls sick.
func (t *Transport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := t.NetworkTransport.AppendEntriesPipeline(id, t.where(id, target))
	if err != nil {
		return nil, err
	}
	return t.over(p)
}

// over puts a pipeline over one of the library's.
func (t *Transport) over(inner raft.AppendPipeline) (*pipeline, error) {
	p := &pipeline{AppendPipeline: inner, t: t, answers: make(chan raft.AppendFuture), done: make(chan struct{})}
	p.stop = context.AfterFunc(t.cfg.Ctx, func() { _ = p.end() }) // at once, maybe: p.stop is not set then
	if !t.cfg.Spawn(p.pass) {
		_ = p.Close()
		return nil, raft.ErrTransportShutdown
	}
	return p, nil
}

// pipeline ends with its node, with the first answer that is no success, and when it
// takes nothing for long. Raft reads no answer after one that is no success, and the
// library's pipeline takes no request while an answer waits to be read: a request
// that was under way then would wait for ever, and so would the follower for the
// entries after it.
type pipeline struct {
	raft.AppendPipeline
	t       *Transport
	stop    func() bool
	answers chan raft.AppendFuture
	once    sync.Once
	done    chan struct{} // closed by Close
}

// takeWait is how long a pipeline may take to take a request: answers to earlier
// ones come, or fail, within the timeout of RPCs.
const takeWait = 5 * time.Second

// Close ends the pipeline; what is in flight fails.
func (p *pipeline) Close() error {
	p.stop()
	return p.end()
}

func (p *pipeline) end() error {
	p.once.Do(func() { close(p.done) })
	return p.AppendPipeline.Close()
}

// Consumer yields the answers, in order.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

// pass hands answers on until one is no success, or Close.
func (p *pipeline) pass() {
	for {
		select {
		case f := <-p.AppendPipeline.Consumer():
			good := f.Error() == nil && f.Response().Success
			select {
			case p.answers <- f:
			case <-p.done:
				return
			}
			if !good {
				_ = p.Close()
				return
			}
		case <-p.done:
			return
		}
	}
}

// AppendEntries sends entries.
func (p *pipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if p.t.cfg.Hung() {
		return nil, ErrSick
	}
	late := time.AfterFunc(takeWait, func() { _ = p.Close() })
	defer late.Stop()
	return p.AppendPipeline.AppendEntries(args, resp)
}
