package pause

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pause
		took := func(write bool) time.Duration {
			start := time.Now()
			p.Wait(t.Context(), write)
			return time.Since(start)
		}
		if took(true) != 0 {
			t.Error("the zero value holds back")
		}
		p.Set(time.Now().Add(time.Second), false)
		if got := took(false); got != 0 {
			t.Errorf("a read waited %v", got)
		}
		p.Set(time.Now().Add(time.Millisecond), false) // never shorter
		if got := took(true); got != time.Second {
			t.Errorf("a write waited %v", got)
		}
		p.Set(time.Now().Add(time.Second), true)
		p.Set(time.Now().Add(time.Second), false) // never narrower
		if got := took(false); got != time.Second {
			t.Errorf("a read waited %v", got)
		}
		p.Set(time.Now().Add(time.Hour), true)
		time.AfterFunc(time.Minute, p.Lift)
		if got := took(true); got != time.Minute {
			t.Errorf("a write waited %v for the end", got)
		}
		p.Set(time.Now().Add(time.Hour), true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if p.Wait(ctx, true); time.Since(start) != time.Second {
			t.Errorf("waited %v for a context", time.Since(start))
		}
	})
}
