package outbox

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pingd/kv/server/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an outbox that notes what it does.
type rig struct {
	*Outbox
	mu   sync.Mutex
	sent strings.Builder
	cuts int
	lost int
}

func newRig(limit settings.Limit, send func([]byte) error) *rig {
	r := &rig{}
	if send == nil {
		send = func(b []byte) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.sent.Write(b)
			return nil
		}
	}
	r.Outbox = New(Config{
		Send:  send,
		Limit: func() *settings.Limit { return &limit },
		Cut:   func(string) { r.cuts++ },
		Lost:  func() { r.lost++ },
	})
	return r
}

func TestOrderAndFinish(t *testing.T) {
	o := newRig(settings.Limit{}, nil)
	o.Add([]byte("*1\r\n"), false)
	o.Add([]byte("*2\r\n"), true)
	for i := range 100 {
		if i%10 == 0 { // what was added before goes first
			if err := o.Write([]byte{'0' + byte(i/10)}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		o.Add([]byte("."), false)
	}
	o.Finish()
	o.Add([]byte("late"), false)
	want := "*1\r\n>2\r\n"
	for i := range 10 {
		want += string(rune('0'+i)) + strings.Repeat(".", 9)
	}
	if got := o.sent.String(); got != want {
		t.Errorf("sent %q\nwant %q", got, want)
	}
}

// A connection without messages needs no goroutine.
func TestWriteAlone(t *testing.T) {
	o := newRig(settings.Limit{}, nil)
	for range 3 {
		if err := o.Write([]byte("x")); err != nil {
			t.Error(err)
		}
	}
	o.Finish()
	if o.wake != nil || o.sent.String() != "xxx" {
		t.Errorf("sent %q", o.sent.String())
	}
}

// Replies and messages from many goroutines: each comes whole, and once.
func TestTogether(t *testing.T) {
	o := newRig(settings.Limit{}, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				o.Add([]byte("<message>"), false)
			}
		})
	}
	for range 500 {
		if err := o.Write([]byte("<reply>")); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	o.Finish()
	got := o.sent.String()
	if strings.Count(got, "<message>") != 2000 || strings.Count(got, "<reply>") != 500 || len(got) != 2000*9+500*7 {
		t.Errorf("%d messages, %d replies in %d bytes", strings.Count(got, "<message>"), strings.Count(got, "<reply>"), len(got))
	}
}

func TestSendFails(t *testing.T) {
	bad := errors.New("bad")
	o := newRig(settings.Limit{}, func([]byte) error { return bad })
	if err := o.Write([]byte("x")); !errors.Is(err, bad) {
		t.Error(err)
	}
	o.Add([]byte("x"), false)
	o.Finish() // does not hang
	if o.lost != 1 {
		t.Errorf("lost %d times", o.lost)
	}
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := make(chan struct{}) // the client reads nothing until it is closed
		o := newRig(settings.Limit{Hard: 10}, func([]byte) error { <-taken; return nil })
		o.Add(make([]byte, 10), false)
		synctest.Wait()
		if o.cuts != 0 || o.Size() != 10 {
			t.Errorf("%d cuts at the limit", o.cuts)
		}
		o.Add(make([]byte, 1), false)
		if o.cuts != 1 {
			t.Error("not cut above the limit")
		}
		close(taken)
		o.Finish()
		if o.Size() != 0 {
			t.Errorf("%d bytes left", o.Size())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		taken := make(chan struct{})
		o := newRig(settings.Limit{Soft: 10, SoftSeconds: 60}, func([]byte) error { <-taken; return nil })
		o.Add(make([]byte, 11), false)
		<-time.After(time.Minute)
		o.Add(make([]byte, 1), false)
		if o.cuts != 0 {
			t.Error("cut too early")
		}
		<-time.After(time.Second)
		o.Add(make([]byte, 1), false)
		if o.cuts != 1 {
			t.Error("not cut")
		}
		close(taken)
		o.Finish()
	})
}
