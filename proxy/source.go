package proxy

import (
	"context"
	"slices"
	"sync"

	"pingd/proxy/upstream"
)

// Backend is one server behind the proxy.
type Backend = upstream.Backend

// ParseBackend reads "host:port [weight=N] [check=/path] [idempotency=key]
// [retry=connect] [maxconn=N]", the value of --backend and of a registry key;
// name identifies the backend and defaults to its address. An error says what
// to write instead. An application that needs its own behaviour says so there:
// idempotency=key counts a request sent twice with one Idempotency-Key once,
// retry=connect never gets a request twice.
func ParseBackend(name, value string) (Backend, error) { return upstream.Parse(name, value) }

// Source tells which backends there are.
type Source interface {
	// Watch calls fn with the full list, and again on each change, until ctx
	// ends. fn may be called with a list that has not changed. While the source
	// cannot know the list, fn is not called and the last list stays.
	Watch(ctx context.Context, fn func([]Backend)) error
}

// Static is a Source whose list never changes.
func Static(list []Backend) Source { return static(list) }

type static []Backend

func (s static) Watch(ctx context.Context, fn func([]Backend)) error {
	own := slices.Clone(s)
	for i := range own {
		own[i].Local = true
	}
	fn(own)
	<-ctx.Done()
	return nil
}

// Merge is a Source of all backends that any of sources names; of two with the
// same name the one from the earlier source counts.
func Merge(sources ...Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	return merged(sources)
}

type merged []Source

func (m merged) Watch(ctx context.Context, fn func([]Backend)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu    sync.Mutex // held while fn runs, so that lists arrive in order
		lists = make([][]Backend, len(m))
		first error
		wg    sync.WaitGroup
	)
	for i, source := range m {
		wg.Go(func() {
			err := source.Watch(ctx, func(list []Backend) {
				mu.Lock()
				defer mu.Unlock()
				lists[i] = list
				fn(union(lists))
			})
			if err != nil && ctx.Err() == nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
				cancel()
			}
		})
	}
	wg.Wait()
	return first
}

func union(lists [][]Backend) []Backend {
	var all []Backend
	seen := map[string]bool{}
	for _, list := range lists {
		for _, b := range list {
			if !seen[b.Name] {
				seen[b.Name] = true
				all = append(all, b)
			}
		}
	}
	return all
}
