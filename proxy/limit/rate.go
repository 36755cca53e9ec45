package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how often a client may ask. The zero value is no limit.
type Rate struct {
	// Every is the time after which one more request is allowed.
	Every time.Duration
	// Burst is how many may come at once.
	Burst int
}

// slowest is how long an empty bucket may take to fill. Debts are counted in
// nanoseconds: those of a few buckets must not overflow.
const slowest = 365 * 24 * time.Hour

// ParseRate reads "100/s", "6000/m", "5/h", with " burst=200" behind it or not;
// without, the burst is what is allowed in a second, 1 at least.
func ParseRate(text string) (r Rate, err error) {
	fail := func() (Rate, error) {
		return Rate{}, fmt.Errorf("%q is not a rate such as 100/s, 6000/m or 5/h, with burst=N behind it or not", text)
	}
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 {
		return fail()
	}
	count, unit, _ := strings.Cut(words[0], "/")
	n, err := strconv.Atoi(count)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || n < 1 || n > 1_000_000 || per == 0 {
		return fail()
	}
	r = Rate{Every: per / time.Duration(n), Burst: max(1, int(time.Second/(per/time.Duration(n))))}
	if len(words) == 2 {
		burst, ok := strings.CutPrefix(words[1], "burst=")
		if r.Burst, err = strconv.Atoi(burst); !ok || err != nil || r.Burst < 1 || r.Burst > 1_000_000 {
			return fail()
		}
	}
	if r.Every > slowest/time.Duration(r.Burst) {
		return Rate{}, fmt.Errorf("%q: a client that has used up its burst would wait for more than a year until it has all of it back", text)
	}
	return r, nil
}

// full is the debt of an empty bucket.
func (r Rate) full() time.Duration { return r.Every * time.Duration(r.Burst) }
