package stats

import (
	"errors"
	"fmt"
	"math/bits"
)

// maxSpan bounds the memory of a Ledger: 32 MiB of bits.
const maxSpan = 1 << 28

// ErrSpan means that a number lies outside of what a Ledger can hold.
var ErrSpan = errors.New("number outside the ledger")

// Ledger holds the numbers that a counter acknowledged. Numbers are handed out
// upwards from the one after its base, so every acknowledged increment owns one
// number of its own and the counter's final value covers them all: anything
// else is a write that was acknowledged and then lost. It is for one goroutine
// at a time.
type Ledger struct {
	base       int64
	seen       []uint64 // one bit per number after base
	acked      int64
	duplicates int64
	highest    int64
}

// NewLedger returns a ledger of numbers above base, the counter's value before
// the run.
func NewLedger(base int64) *Ledger { return &Ledger{base: base, highest: base} }

// Ack notes an acknowledged number and tells whether it is new. A number not
// above the base was handed out before the run: it counts as a duplicate. ErrSpan
// when it is more than 2^28 above.
func (l *Ledger) Ack(number int64) (isNew bool, err error) {
	at := number - l.base - 1
	if at >= maxSpan {
		return false, fmt.Errorf("acknowledge %d after %d: %w", number, l.base, ErrSpan)
	}
	l.acked++
	if at < 0 {
		l.duplicates++
		return false, nil
	}
	word, bit := at/64, uint64(1)<<(at%64)
	for int64(len(l.seen)) <= word {
		l.seen = append(l.seen, make([]uint64, max(1024, len(l.seen)))...)
	}
	if l.seen[word]&bit != 0 {
		l.duplicates++
		return false, nil
	}
	l.seen[word] |= bit
	l.highest = max(l.highest, number)
	return true, nil
}

// Account is what a Ledger says at the end.
type Account struct {
	Acked      int64 `json:"acked"`      // acknowledged increments
	Duplicates int64 `json:"duplicates"` // of those, with a number that another one has
	Beyond     int64 `json:"beyond"`     // of those, above the counter's final value: it went back
	// Lost is Duplicates + Beyond: acknowledged, and not in the final value.
	Lost int64 `json:"lost"`
	// Unclaimed were counted and nobody got the number: errors whose outcome is
	// unknown, or other users of the same counter. No promise is broken by them,
	// unless no client saw an error.
	Unclaimed int64 `json:"unclaimed"`
	Final     int64 `json:"final"`
}

// Close compares with the counter's final value.
func (l *Ledger) Close(final int64) Account {
	a := Account{Acked: l.acked, Duplicates: l.duplicates, Final: final}
	var within int64
	for word, set := range l.seen {
		above := final - l.base - int64(word)*64 // how many bits of this word the value covers
		covered := set
		switch {
		case above <= 0:
			covered = 0
		case above < 64:
			covered &= 1<<above - 1
		}
		within += int64(bits.OnesCount64(covered))
		a.Beyond += int64(bits.OnesCount64(set &^ covered))
	}
	a.Lost = a.Duplicates + a.Beyond
	a.Unclaimed = max(0, final-l.base-within)
	return a
}

// Highest returns the highest acknowledged number, the base if none.
func (l *Ledger) Highest() int64 { return l.highest }
