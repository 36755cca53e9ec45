package cluster

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store in this process, with keys that end by (fake) time.
type memory struct {
	mu     sync.Mutex
	values map[string]string
	ends   map[string]time.Time
	wake   map[chan struct{}]string
	lost   bool // cannot be reached
}

func newMemory() *memory {
	return &memory{values: map[string]string{}, ends: map[string]time.Time{}, wake: map[chan struct{}]string{}}
}

func (m *memory) now(prefix string) map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]string{}
	for k, v := range m.values {
		if e := m.ends[k]; !e.IsZero() && !time.Now().Before(e) {
			delete(m.values, k)
			continue
		}
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out
}

func (m *memory) Watch(ctx context.Context, prefix string, fn func(map[string]string)) error {
	wake := make(chan struct{}, 1)
	m.mu.Lock()
	m.wake[wake] = prefix
	m.mu.Unlock()
	defer func() { m.mu.Lock(); delete(m.wake, wake); m.mu.Unlock() }()
	tick := time.NewTicker(5 * time.Second) // keys that end
	defer tick.Stop()
	var last map[string]string
	for {
		if v := m.now(prefix); last == nil || !maps.Equal(v, last) {
			last = v
			fn(maps.Clone(v))
		}
		select {
		case <-wake:
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memory) Set(ctx context.Context, key, value string, life time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost {
		return context.DeadlineExceeded
	}
	m.values[key] = value
	delete(m.ends, key)
	if life > 0 {
		m.ends[key] = time.Now().Add(life)
	}
	m.tell(key)
	return nil
}

func (m *memory) tell(key string) {
	for c, prefix := range m.wake {
		if strings.HasPrefix(key, prefix) {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

func (m *memory) Add(ctx context.Context, key, value string, life time.Duration) (bool, error) {
	if _, there := m.now(key)[key]; there {
		return false, nil
	}
	return true, m.Set(ctx, key, value, life)
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	m.tell(key)
	return nil
}

// end returns when a key ends.
func (m *memory) end(key string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ends[key]
}

func (m *memory) lose(lost bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost = lost
}
