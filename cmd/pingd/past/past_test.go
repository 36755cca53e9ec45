package past

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func lines(t *testing.T, k *Keeper, from, to int64) []string {
	t.Helper()
	var b bytes.Buffer
	if err := k.Write(&b, from, to); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func TestAnHour(t *testing.T) {
	k := New(nil)
	const start = int64(1_800_000_000)
	for i := range int64(2 * 3600) {
		k.Take(start+i, fmt.Appendf(nil, `{"n":%d,`+"\n"+`"x":"y"}`, i))
	}
	now := start + 2*3600 - 1
	all := lines(t, k, 0, now)
	if n := len(all); n < 3600 || n > 3720 {
		t.Errorf("%d seconds are remembered, want an hour", n)
	}
	if want := fmt.Sprintf(`%d {"n":7199,"x":"y"}`, now); all[len(all)-1] != want {
		t.Errorf("newest line %q, want %q", all[len(all)-1], want)
	}
	got := lines(t, k, now-100, now-98)
	if want := fmt.Sprintf("[%d %d %d]", now-100, now-99, now-98); len(got) != 3 || !strings.HasPrefix(got[0], fmt.Sprint(now-100)) || !strings.HasPrefix(got[2], fmt.Sprint(now-98)) {
		t.Errorf("lines %q, want those of %s", got, want)
	}
	if got := lines(t, k, now+1, now+9); got[0] != "" {
		t.Errorf("the future is %q", got)
	}
	k.Take(now-5, []byte("{}")) // a clock that went back
	if got := lines(t, k, now-5, now-5); len(got) != 1 || strings.HasSuffix(got[0], " {}") {
		t.Errorf("a second is there twice: %q", got)
	}
}

// TestMemory holds what statuses that change like real ones take: of 600 seconds a
// sixth of what an hour may.
func TestMemory(t *testing.T) {
	k := New(nil)
	r := rand.New(rand.NewPCG(1, 1))
	counters := make([]int, 300)
	for i := range int64(600) {
		b := []byte(`{"roles":{"proxy":{`)
		for j := range counters {
			if j%3 == 0 {
				counters[j] += r.IntN(100)
			}
			b = append(strconv.AppendInt(append(b, `"some_counter_name":`...), int64(counters[j]), 10), ',')
		}
		k.Take(i+1, append(b, `"end":0}}}`...))
	}
	t.Logf("10 minutes take %d KiB", k.Size()>>10)
	if k.Size() > 4<<20/6 {
		t.Errorf("10 minutes of a status of 7 KB take %d bytes", k.Size())
	}
}

// TestMemoryIsBounded holds that statuses which nothing makes small do not grow
// without limit.
func TestMemoryIsBounded(t *testing.T) {
	k := New(nil)
	noise := make([]byte, 4*large)
	for i := range int64(60) { // one in ten seconds, as it is large
		for j := 0; j < len(noise); j += 8 {
			binary.LittleEndian.PutUint64(noise[j:], rand.Uint64())
		}
		k.Take(10_000+10*i, noise)
	}
	if k.Size() > maxBytes+6*len(noise) || k.Size() < maxBytes/2 {
		t.Errorf("large statuses take %d bytes", k.Size())
	}
}

func TestLongLines(t *testing.T) {
	k := New(nil)
	long := []byte(`"` + strings.Repeat("x", 200_000) + `"`)
	k.Take(10, long)
	k.Take(11, []byte("1"))
	k.Take(13, long) // not a tenth second: too large to be remembered
	if got := lines(t, k, 0, 99); len(got) != 2 || len(got[0]) != len(long)+3 || got[1] != "11 1" {
		t.Errorf("%d lines", len(got))
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		k := New(func() ([]byte, error) {
			if n++; n%3 == 0 {
				return nil, errors.New("not now")
			}
			return fmt.Append(nil, n), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 6500*time.Millisecond)
		defer cancel()
		start := time.Now().Unix()
		k.Run(ctx)
		var want []string
		for _, i := range []int64{1, 2, 4, 5} {
			want = append(want, fmt.Sprintf("%d %d", start+i, i))
		}
		if got := lines(t, k, 0, start+100); strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("lines %q, want %q", got, want)
		}
	})
}
