package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pingd/monitor/alert"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// change is an alert named rule that became severity.
func change(rule string, before, now alert.Severity) alert.Change {
	return alert.Change{
		Alert: alert.Alert{
			Rule: rule, Series: "space./.used", Subject: "/", Severity: now, Since: 1_800_000_000, Changed: 1_800_000_060,
			Value: 95, Unit: "%", About: "space used on",
		},
		Before: before,
	}
}

// fake is a way that answers as it is told.
type fake struct {
	mu      sync.Mutex
	answers []error // of the next attempts; then nil
	got     []string
	at      []time.Duration // since the start
	start   time.Time
}

func (f *fake) Name() string { return "fake" }

func (f *fake) Send(_ context.Context, m Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = append(f.at, time.Since(f.start))
	if len(f.answers) > 0 {
		err := f.answers[0]
		f.answers = f.answers[1:]
		if err != nil {
			return err
		}
	}
	text := ""
	for _, c := range m.Changes {
		text += c.Rule + "=" + c.Severity.String() + " "
	}
	f.got = append(f.got, strings.TrimSpace(text))
	return nil
}

// told runs a notifier with one way for a while of fake time.
func told(t *testing.T, f *fake, d time.Duration, tell func(*Notifier)) *Notifier {
	t.Helper()
	f.start = time.Now()
	n := New("h1", "", slog.New(slog.DiscardHandler), f)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { n.Run(ctx); close(done) }()
	tell(n)
	wait(t, d)
	cancel()
	<-done
	return n
}

// wait lets fake time pass.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	<-time.After(d)
	synctest.Wait()
}

func TestOneMessageForOneTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		told(t, f, time.Minute, func(n *Notifier) {
			n.Tell([]alert.Change{change("a", alert.Clear, alert.Warn)})
			wait(t, 300*time.Millisecond)
			n.Tell([]alert.Change{change("b", alert.Clear, alert.Crit)})
			n.Tell(nil)
			wait(t, 5*time.Second)
			n.Tell([]alert.Change{change("a", alert.Warn, alert.Clear)})
		})
		if got := strings.Join(f.got, "|"); got != "a=warn b=crit|a=clear" {
			t.Errorf("messages %q", got)
		}
	})
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		f := &fake{answers: []error{down, down, down}}
		n := told(t, f, time.Minute, func(n *Notifier) {
			n.Tell([]alert.Change{change("a", alert.Clear, alert.Warn)})
			wait(t, 4*time.Second)
			n.Tell([]alert.Change{change("b", alert.Clear, alert.Warn)}) // while it is down
			wait(t, time.Second)
			if s := n.Status()[0]; s.Problem != "down" || s.Waiting != 2 || s.Failed != 2 {
				t.Errorf("status %+v", s)
			}
		})
		if got := fmt.Sprint(f.at); got != "[1s 3s 7s 15s]" {
			t.Errorf("attempts at %s", got)
		}
		if got := strings.Join(f.got, "|"); got != "a=warn b=warn" {
			t.Errorf("messages %q", got)
		}
		if s := n.Status()[0]; s.Sent != 1 || s.Failed != 3 || s.Waiting != 0 || s.Problem != "" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answers: []error{fmt.Errorf("%w: no such channel", ErrRefused)}}
		told(t, f, time.Hour, func(n *Notifier) {
			n.Tell([]alert.Change{change("a", alert.Clear, alert.Warn)})
			wait(t, 10*time.Second)
			n.Tell([]alert.Change{change("b", alert.Clear, alert.Warn)})
		})
		if got := strings.Join(f.got, "|"); got != "b=warn" {
			t.Errorf("messages %q: what is refused must not stand in the way", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		for range 1000 {
			f.answers = append(f.answers, errors.New("down"))
		}
		n := told(t, f, 26*time.Hour, func(n *Notifier) { n.Tell([]alert.Change{change("a", alert.Clear, alert.Warn)}) })
		if s := n.Status()[0]; s.Waiting != 0 || s.Failed > 320 {
			t.Errorf("after a day it still tries: %+v", s)
		}
	})
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answers: []error{&RetryAfter{2 * time.Minute, errors.New("slow down")}}}
		told(t, f, 10*time.Minute, func(n *Notifier) { n.Tell([]alert.Change{change("a", alert.Clear, alert.Warn)}) })
		if got := fmt.Sprint(f.at); got != "[1s 2m1s]" {
			t.Errorf("attempts at %s", got)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answers: []error{errors.New("down")}}
		told(t, f, time.Hour, func(n *Notifier) {
			for i := range maxQueue + 100 {
				n.Tell([]alert.Change{change(fmt.Sprint(i), alert.Clear, alert.Warn)})
			}
		})
		if len(f.got) != maxQueue/maxChanges || !strings.HasPrefix(f.got[0], "100=warn ") {
			t.Errorf("%d messages, the first %.40s", len(f.got), f.got[0])
		}
	})
}

func TestHeadlines(t *testing.T) {
	raised, worse, better, cleared := change("a", alert.Clear, alert.Warn), change("a", alert.Warn, alert.Crit), change("a", alert.Crit, alert.Warn), change("a", alert.Warn, alert.Clear)
	gone := cleared
	gone.Gone = true
	for want, changes := range map[string][]alert.Change{
		"WARNING: space used on /: 95 %":                  {raised},
		"CRITICAL: space used on /: 95 %":                 {worse},
		"WARNING (was worse): space used on /: 95 %":      {better},
		"CLEARED: space used on /: 95 %":                  {cleared},
		"CLEARED: space used on /: 95 % (no more values)": {gone},
		"2 alerts cleared on h1":                          {cleared, gone},
		"CRITICAL: 2 alerts on h1":                        {raised, worse},
		"WARNING: 1 alerts, 1 cleared on h1":              {raised, cleared},
	} {
		if got := (&Message{Node: "h1", Changes: changes}).Headline(); got != want {
			t.Errorf("headline %q, want %q", got, want)
		}
	}
}

// slow is a way that takes the first message only once it is told to go on.
type slow struct {
	fake
	began, goOn chan struct{}
}

func (s *slow) Send(ctx context.Context, m Message) error {
	if s.began != nil {
		close(s.began)
		s.began = nil
		<-s.goOn
	}
	return s.fake.Send(ctx, m)
}

// TestNothingIsLostBehindAMessageOnItsWay holds that changes which come while one
// message is being sent, so many that old ones go, take nobody else's place: those that
// were not sent yet still are.
func TestNothingIsLostBehindAMessageOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{began: make(chan struct{}), goOn: make(chan struct{})}
		began := s.began
		n := New("h1", "", slog.New(slog.DiscardHandler), s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { n.Run(ctx); close(done) }()
		numbered := func(from, to int) (all []alert.Change) {
			for i := from; i < to; i++ {
				all = append(all, change(fmt.Sprintf("r%d", i), alert.Clear, alert.Warn))
			}
			return all
		}
		n.Tell(numbered(0, maxQueue))
		<-began
		n.Tell(numbered(maxQueue, maxQueue+maxChanges)) // those on their way make room
		close(s.goOn)
		wait(t, time.Hour)
		cancel()
		<-done
		got := " " + strings.Join(s.got, " ") + " "
		for i := range maxQueue + maxChanges {
			if !strings.Contains(got, fmt.Sprintf(" r%d=warn ", i)) {
				t.Fatalf("r%d was never told", i)
			}
		}
	})
}
