package pause

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pingd/kv/resp/reply"
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

func TestCommand(t *testing.T) {
	for line, want := range map[string]string{
		"CLIENT PAUSE x":         "-ERR timeout is not an integer or out of range\r\n",
		"CLIENT PAUSE -1":        "-ERR timeout is negative\r\n",
		"CLIENT PAUSE 1 foo":     "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n",
		"CLIENT PAUSE 1 WRITE x": "-ERR syntax error\r\n",
		"CLIENT PAUSE 0":         "+OK\r\n",
	} {
		var p Pause
		var args [][]byte
		for word := range strings.FieldsSeq(line) {
			args = append(args, []byte(word))
		}
		w := &reply.Writer{Proto: 2}
		if p.Command(w, args); string(w.Out) != want {
			t.Errorf("%s: %q", line, w.Out)
		}
	}
}
