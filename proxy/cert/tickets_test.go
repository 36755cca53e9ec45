package cert

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRotate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k, changed := TicketKeys(nil).Rotate(now)
	if len(k) != 1 || !changed || len(k.Secrets()) != 1 {
		t.Fatal(k)
	}
	if again, changed := k.Rotate(now.Add(RotateEvery - 1)); changed || len(again) != 1 {
		t.Error("changed too early")
	}
	next, changed := k.Rotate(now.Add(RotateEvery))
	if !changed || len(next) != 2 || string(next[1].Secret) != string(k[0].Secret) || string(next[0].Secret) == string(k[0].Secret) {
		t.Error(next)
	}
	if last, changed := next.Rotate(now.Add(keyLife)); !changed || len(last) != 2 {
		t.Errorf("%d keys: the first is out of use, and a new one is due", len(last))
	}
	if ahead, changed := (TicketKeys{{Made: now.Add(time.Hour), Secret: make([]byte, keySize)}}).Rotate(now); changed || len(ahead) != 1 {
		t.Error("a clock that is ahead")
	}
}

// TestRotation: whenever and however often it is looked at, there is always a key
// that is young enough, never too many, and a ticket is understood long enough.
func TestRotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var k TicketKeys
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "minutes")) * time.Minute)
			k, _ = k.Rotate(now)
			if len(k) == 0 || len(k) > maxKeys || now.Sub(k[0].Made) >= RotateEvery || now.Sub(k[len(k)-1].Made) >= keyLife {
				t.Fatalf("%d keys from %v to %v at %v", len(k), k[0].Made, k[len(k)-1].Made, now)
			}
			text, err := k.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseTicketKeys(text); err != nil || len(again) != len(k) || string(again[0].Secret) != string(k[0].Secret) {
				t.Fatal(again, err)
			}
		}
	})
}

func FuzzParseTicketKeys(f *testing.F) {
	k, _ := TicketKeys(nil).Rotate(time.Unix(0, 0))
	text, _ := k.Encode()
	f.Add(text)
	f.Add([]byte(`[{"made":"2026-01-01T00:00:00Z","secret":"AAAA"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseTicketKeys(text)
		if err != nil {
			if !errors.Is(err, ErrTicketKeys) {
				t.Fatal(err)
			}
			return
		}
		k.Rotate(time.Unix(1, 0))
	})
}
