package pubsub

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pingd/kv/engine"
	"pingd/kv/engine/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder keeps what it is sent.
type recorder struct {
	mu   sync.Mutex
	got  []string
	cut  string
	come chan struct{}
}

func newRecorder() *recorder { return &recorder{come: make(chan struct{}, 1<<16)} }

func (r *recorder) Push(m []byte) {
	f := strings.Split(string(m), "\r\n")
	var words []string
	for i := 2; i < len(f); i += 2 {
		words = append(words, f[i])
	}
	r.mu.Lock()
	r.got = append(r.got, strings.Join(words, " "))
	r.mu.Unlock()
	r.come <- struct{}{}
}

func (r *recorder) Cut(reason string) {
	r.mu.Lock()
	r.cut = reason
	r.mu.Unlock()
	r.come <- struct{}{}
}

func (r *recorder) want(t *testing.T, messages ...string) {
	t.Helper()
	for range messages {
		<-r.come
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.got, messages) {
		t.Errorf("got  %q\nwant %q", r.got, messages)
	}
	r.got = nil
}

func nothing() {}

func TestHub(t *testing.T) {
	h := NewHub()
	a, b := newRecorder(), newRecorder()
	if !h.Idle() || h.Publish([]byte("c"), []byte("m")) != 0 {
		t.Error("a new hub is not idle")
	}
	joined := 0
	h.Subscribe(a, "c", func() { joined++ })
	h.Subscribe(b, "c", func() { joined++ })
	h.SubscribePattern(a, "c*", func() { joined++ })
	h.SubscribePattern(b, "[cd]", func() { joined++ })
	h.SubscribePattern(b, "x*", func() { joined++ })
	if joined != 5 || h.Idle() {
		t.Errorf("%d joined", joined)
	}
	if n := h.Publish([]byte("c"), []byte("m")); n != 4 {
		t.Errorf("%d receivers", n)
	}
	a.want(t, "message c m", "pmessage c* c m")
	b.want(t, "message c m", "pmessage [cd] c m")
	if channels, patterns, _ := h.Counts(); channels != 1 || patterns != 3 {
		t.Errorf("%d channels, %d patterns", channels, patterns)
	}
	if got := h.Channels([]byte("x")); len(got) != 0 {
		t.Errorf("channels %v", got)
	}
	if got := h.Channels(nil); !slices.Equal(got, []string{"c"}) || h.Subscribers([]byte("c")) != 2 {
		t.Errorf("channels %v", got)
	}
	h.CutAll("test")
	if a.cut != "test" || b.cut != "test" {
		t.Error("not cut")
	}
	h.Unsubscribe(a, "absent")
	h.UnsubscribePattern(a, "absent")
	h.UnsubscribePattern(a, "x*") // b's alone
	h.Unsubscribe(a, "c")
	h.Unsubscribe(b, "c")
	h.UnsubscribePattern(a, "c*")
	h.UnsubscribePattern(b, "[cd]")
	h.UnsubscribePattern(b, "x*")
	if channels, patterns, shards := h.Counts(); !h.Idle() || channels+patterns+shards != 0 {
		t.Error("something is left")
	}
}

// startEvents runs a queue until the test ends.
func startEvents(t *testing.T, h *Hub) *Events {
	e := NewEvents(h)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return e
}

func TestEvents(t *testing.T) {
	h, r := NewHub(), newRecorder()
	e := startEvents(t, h)
	set := engine.Event{DB: 3, Class: call.ClassString, Name: "set", Key: []byte("k")}
	e.Add([]engine.Event{set}) // nobody listens
	h.SubscribePattern(r, "__key*", nothing)
	e.Add([]engine.Event{set, {DB: 3, Class: call.ClassGeneric, Name: "del", Key: []byte{}}})
	r.want(t, "pmessage __key* __keyspace@3__:k set", "pmessage __key* __keyevent@3__:set k",
		"pmessage __key* __keyspace@3__: del", "pmessage __key* __keyevent@3__:del ")
	e.Select("Eg")
	e.Add([]engine.Event{set, {DB: 3, Class: call.ClassGeneric, Name: "del", Key: []byte("k")}})
	r.want(t, "pmessage __key* __keyevent@3__:del k")
	e.Select("")
	e.Add([]engine.Event{set})
	e.Select("KEA")
	e.Add([]engine.Event{{DB: 1, Class: call.ClassGeneric, Name: "flushdb"}})
	r.want(t, "pmessage __key* __keyevent@1__:flushdb ")
	e.Add([]engine.Event{{DB: 1, Class: call.ClassGeneric, Name: "flushall"}})
	for range engine.Databases {
		<-r.come
	}
}

// The key is the caller's again after Add, and order is kept.
func TestEventsCopyAndOrder(t *testing.T) {
	h, r := NewHub(), newRecorder()
	e := startEvents(t, h)
	h.SubscribePattern(r, "__keyspace*", nothing)
	key := []byte("0")
	var want []string
	for i := range 10 {
		key[0] = byte('0' + i)
		e.Add([]engine.Event{{Class: call.ClassString, Name: "set", Key: key}})
		want = append(want, "pmessage __keyspace* __keyspace@0__:"+string(key)+" set")
	}
	key[0] = 'x'
	r.want(t, want...)
}

// A queue that overflows cuts the subscribers instead of leaving out events.
func TestEventsOverflow(t *testing.T) {
	h, r := NewHub(), newRecorder()
	e := NewEvents(h) // not running: nothing is delivered
	h.Subscribe(r, "c", nothing)
	e.Add([]engine.Event{
		{Class: call.ClassString, Name: "set", Key: make([]byte, maxQueued)},
		{Class: call.ClassString, Name: "set", Key: []byte("k")},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	<-r.come
	cancel()
	<-done
	if r.cut == "" {
		t.Error("not cut")
	}
}

func BenchmarkEvents(b *testing.B) {
	h := NewHub()
	h.SubscribePattern(discard{}, "__keyspace@0__:app/*", nothing)
	e := NewEvents(h)
	ev := []engine.Event{{Class: call.ClassString, Name: "set", Key: []byte("key:12345678")}}
	b.ReportAllocs()
	for b.Loop() {
		e.Add(ev)
		e.mu.Lock()
		q := e.queue
		e.queue = queue{q.events[:0], q.keys[:0]}
		e.mu.Unlock()
		e.deliver(q)
	}
}

type discard struct{}

func (discard) Push([]byte) {}
func (discard) Cut(string)  {}
