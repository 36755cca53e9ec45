package limit

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const every = 250 * time.Millisecond

func client(n int) Key {
	return KeyOf(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"100/s":            {10 * time.Millisecond, 100},
		"6000/m":           {10 * time.Millisecond, 100},
		"5/h":              {12 * time.Minute, 1},
		"100/s burst=200":  {10 * time.Millisecond, 200},
		" 1/s   burst=10 ": {time.Second, 10},
	} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "100", "0/s", "-1/s", "x/s", "1/d", "2000000/s", "1/s 2", "1/s burst=0", "1/s burst=x", "1/s burst=1 x"} {
		if got, err := ParseRate(bad); err == nil {
			t.Errorf("%q became %+v", bad, got)
		}
	}
}

// FuzzParseRate: what is accepted can be counted with, whatever others report.
func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"100/s", "6000/m burst=3", "1/h burst=1000000", "5/h", "1000000/s burst=1000000", "0/s", "1/d", "1/s burst=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil {
			if r != (Rate{}) {
				t.Fatalf("%+v with %v", r, err)
			}
			return
		}
		if r.Every <= 0 || r.Burst < 1 || r.full() <= 0 || r.full() > slowest {
			t.Fatalf("%q: %+v", text, r)
		}
		tab := NewTable(r, 1, time.Second, 1)
		const now = 10 * 365 * 24 * time.Hour // of uptime
		tab.Charge(1, 1<<30, now)
		if wait := tab.Take(1, now); wait <= 0 {
			t.Fatalf("%q: a client that owes for %d requests elsewhere is let through", text, 1<<30)
		}
		if wait := tab.Take(2, now); wait != 0 {
			t.Fatalf("%q: the first request waits for %v", text, wait)
		}
	})
}

func TestKeys(t *testing.T) {
	key := func(s string) Key { return KeyOf(netip.MustParseAddr(s)) }
	if key("2001:db8::1") != key("2001:db8::ffff:2") || key("2001:db8:0:1::1") == key("2001:db8::1") {
		t.Error("a client is not a /64")
	}
	if key("10.0.0.1") == key("10.0.0.2") || key("10.0.0.1") != key("::ffff:10.0.0.1") {
		t.Error("IPv4")
	}
}

// TestBucket walks through one client's life.
func TestBucket(t *testing.T) {
	tab := NewTable(Rate{100 * time.Millisecond, 5}, 1, every, 1)
	now := time.Hour
	for i := range 5 {
		if w := tab.Take(client(1), now); w != 0 {
			t.Fatalf("request %d of the burst must wait %v", i, w)
		}
	}
	if w := tab.Take(client(1), now); w != 100*time.Millisecond {
		t.Errorf("wait %v", w)
	}
	if w := tab.Take(client(2), now); w != 0 {
		t.Error("another client suffers")
	}
	now += 100 * time.Millisecond
	if tab.Take(client(1), now) != 0 || tab.Take(client(1), now) == 0 {
		t.Error("not one more after the time of one")
	}
	now += time.Minute
	for range 5 {
		if tab.Take(client(1), now) != 0 {
			t.Fatal("the bucket did not fill up again")
		}
	}
	if tab.Take(client(1), now) == 0 {
		t.Error("the bucket overflowed")
	}
}

// TestAgainstTokens compares with a bucket of tokens, the usual way to say it.
func TestAgainstTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := Rate{time.Duration(rapid.IntRange(1, 1000).Draw(t, "every")) * time.Millisecond, rapid.IntRange(1, 20).Draw(t, "burst")}
		tab := NewTable(rate, rapid.Uint64().Draw(t, "seed"), every, 1)
		now, tokens := time.Hour, rate.full()
		for range rapid.IntRange(1, 100).Draw(t, "requests") {
			gap := time.Duration(rapid.IntRange(0, 500).Draw(t, "gap")) * time.Millisecond
			now += gap
			tokens = min(tokens+gap, rate.full())
			wait := tab.Take(7, now)
			if (wait == 0) != (tokens >= rate.Every) || wait != max(0, rate.Every-tokens) {
				t.Fatalf("wait %v with %v of tokens at %+v", wait, tokens, rate)
			}
			if wait == 0 {
				tokens -= rate.Every
			}
		}
	})
}

// TestMemoryIsFixed: a million addresses neither grow the table nor bar anybody,
// and one that asks all the time is limited all the same.
func TestMemoryIsFixed(t *testing.T) {
	tab := NewTable(Rate{100 * time.Millisecond, 10}, 42, every, 1)
	now, refused := time.Hour, 0
	for i := range 1_000_000 {
		now += time.Microsecond
		if tab.Take(client(i), now) != 0 {
			t.Fatal("a client's first request is refused")
		}
		if i%100 == 0 && tab.Take(client(1<<23), now) != 0 { // 10,000 requests in a second
			refused++
		}
	}
	if got := 10_000 - refused; got > 40 {
		t.Errorf("the busy client got %d requests in a second, 20 are allowed", got)
	}
}

// TestShared: three proxies that tell each other hold a client to about the limit
// of one, whichever of them it asks.
func TestShared(t *testing.T) {
	rate := Rate{10 * time.Millisecond, 100}
	var tabs []*Table
	for i := range 3 {
		tabs = append(tabs, NewTable(rate, uint64(i), every, 3))
	}
	now, got, slow := time.Hour, 0, 0
	for ms := range 10_000 {
		now += time.Millisecond
		if tabs[ms%3].Take(client(1), now) == 0 { // 1,000 requests a second
			got++
		}
		if ms%100 == 0 && tabs[ms/100%3].Take(client(2), now) == 0 {
			slow++
		}
		if time.Duration(ms+1)*time.Millisecond%every != 0 {
			continue
		}
		for i, from := range tabs {
			for _, u := range from.Drain() {
				for j, to := range tabs {
					if i != j {
						to.Charge(u.Client, int(u.Count), now)
					}
				}
			}
		}
	}
	// 100/s for 10 s and a burst of 100; the first reports come late.
	if got < 900 || got > 1700 {
		t.Errorf("%d requests let through, 1,100 are allowed", got)
	}
	if slow != 100 {
		t.Errorf("a client below the limit got %d of 100", slow)
	}
}

func TestDrain(t *testing.T) {
	tab := NewTable(Rate{time.Millisecond, 1000}, 1, every, 1) // 125 in a period are notable
	for range 124 {
		tab.Take(client(1), time.Hour)
	}
	for range 300 {
		tab.Take(client(2), time.Hour)
	}
	if got := fmt.Sprint(tab.Drain()); got != fmt.Sprint([]Use{{client(2), 300}}) {
		t.Error(got)
	}
	tab.Take(client(1), time.Hour) // the period before does not count
	if got := tab.Drain(); len(got) != 0 {
		t.Error(got)
	}
	for i := range 3 * Reported {
		for range 125 {
			tab.Take(client(100+i), 2*time.Hour)
		}
	}
	if got := len(tab.Drain()); got != Reported {
		t.Errorf("%d clients told of", got)
	}
	tab.Charge(client(9), 1<<30, time.Hour)
	if w := tab.Take(client(9), time.Hour); w <= 0 || w > 10*time.Second {
		t.Errorf("a client must wait %v for what others let through", w)
	}
}

func TestTakeInParallel(t *testing.T) {
	tab := NewTable(Rate{time.Hour, 1000}, 1, every, 1)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range 8 {
		wg.Go(func() {
			mine := 0
			for range 500 {
				if tab.Take(client(1), time.Hour) == 0 {
					mine++
				}
				tab.Drain()
			}
			mu.Lock()
			got += mine
			mu.Unlock()
		})
	}
	wg.Wait()
	if got != 1000 {
		t.Errorf("%d of 1000", got)
	}
}

func BenchmarkTake(b *testing.B) {
	tab := NewTable(Rate{time.Microsecond, 1000}, 1, every, 1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tab.Take(client(i&0xffff), time.Duration(i))
	}
}
