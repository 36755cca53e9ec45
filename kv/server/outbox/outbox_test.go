package outbox

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pingd/kv/server/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// box returns an outbox with a limit, what it sends and how often it cut.
func box(limit settings.Limit, send func([]byte) error) (o *Outbox, cuts *int) {
	cuts = new(int)
	return New(Config{
		Send:  send,
		Limit: func() *settings.Limit { return &limit },
		Cut:   func(string) { *cuts++ },
	}), cuts
}

func TestOrderAndFinish(t *testing.T) {
	var sent strings.Builder
	o, _ := box(settings.Limit{}, func(b []byte) error { sent.Write(b); return nil })
	ended := make(chan error)
	go func() { ended <- o.Run() }()
	o.Add([]byte("*1\r\n"), false)
	o.Add([]byte("*2\r\n"), true)
	for i := range 100 {
		o.Add([]byte{byte('0' + i%10)}, false)
	}
	o.Finish()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	o.Add([]byte("late"), false)
	if got := sent.String(); got != "*1\r\n>2\r\n"+strings.Repeat("0123456789", 10) {
		t.Errorf("sent %q", got)
	}
}

func TestSendFails(t *testing.T) {
	bad := errors.New("bad")
	o, _ := box(settings.Limit{}, func([]byte) error { return bad })
	ended := make(chan error, 1)
	go func() { ended <- o.Run() }()
	o.Add([]byte("x"), false)
	if err := <-ended; !errors.Is(err, bad) {
		t.Error(err)
	}
	o.Finish() // does not hang
}

func TestLimits(t *testing.T) {
	o, cuts := box(settings.Limit{Hard: 10}, nil)
	o.Add(make([]byte, 10), false)
	if *cuts != 0 || o.Size() != 10 {
		t.Errorf("%d cuts at the limit", *cuts)
	}
	o.Add(make([]byte, 1), false)
	if *cuts != 1 {
		t.Error("not cut above the limit")
	}
	synctest.Test(t, func(t *testing.T) {
		o, cuts := box(settings.Limit{Soft: 10, SoftSeconds: 60}, nil)
		o.Add(make([]byte, 11), false)
		<-time.After(time.Minute)
		o.Add(make([]byte, 1), false)
		if *cuts != 0 {
			t.Error("cut too early")
		}
		<-time.After(time.Second)
		o.Add(make([]byte, 1), false)
		if *cuts != 1 {
			t.Error("not cut")
		}
	})
}
