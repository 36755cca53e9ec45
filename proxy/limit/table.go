package limit

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pingd/proxy/balance"
)

// Key stands for a client.
type Key uint64

// KeyOf returns the key of the client at addr.
func KeyOf(addr netip.Addr) Key {
	if addr = addr.Unmap(); addr.Is4() {
		b := addr.As4()
		return Key(binary.BigEndian.Uint32(b[:])) // where ::/64 lies, which has no clients
	}
	b := addr.As16()
	return Key(binary.BigEndian.Uint64(b[:8]))
}

const (
	ways = 8
	sets = 1 << 13

	// reportLimit is how many buckets a client can owe for what others report.
	reportLimit = 10

	// Reported is how many clients Drain tells of at most.
	Reported = 512
)

// Table is all clients that owe something. Make it with NewTable; safe for
// concurrent use.
type Table struct {
	rate    Rate
	seed    uint64
	sets    []set
	period  atomic.Uint32 // counts Drains
	notable atomic.Uint32 // requests in a period that are worth telling others

	mu   sync.Mutex
	busy []Key // those that have asked that often in this period
}

// set is the few places that a client can have.
type set struct {
	mu sync.Mutex
	at [ways]entry
}

type entry struct {
	key    Key
	owes   time.Duration // until when the bucket is not full; 0: nobody's place
	period uint32
	used   uint32 // requests in that period
}

// NewTable returns an empty Table. seed makes it unforeseeable which clients
// compete for places. every is the time between two Drains, proxies how many share
// the limit: a client is worth telling of when it uses up half of this proxy's
// share.
func NewTable(rate Rate, seed uint64, every time.Duration, proxies int) *Table {
	t := &Table{rate: rate, seed: seed, sets: make([]set, sets)}
	t.Share(every, proxies)
	return t
}

// Share changes what is worth telling; see NewTable.
func (t *Table) Share(every time.Duration, proxies int) {
	t.notable.Store(uint32(max(1, every/(t.rate.Every*time.Duration(2*max(proxies, 1))))))
}

// Take counts a request of client at now, the time since any fixed start. It
// returns 0 when the request is allowed, and otherwise after how long one would be.
func (t *Table) Take(client Key, now time.Duration) (wait time.Duration) {
	s := t.set(client)
	s.mu.Lock()
	e := s.find(client)
	owes := max(e.owes, now) + t.rate.Every
	if wait = owes - now - t.rate.full(); wait > 0 {
		s.mu.Unlock()
		return wait
	}
	e.owes = owes
	if p := t.period.Load(); e.period != p {
		e.period, e.used = p, 0
	}
	e.used++
	tell := e.used == t.notable.Load()
	s.mu.Unlock()
	if tell {
		t.mu.Lock()
		if len(t.busy) < Reported {
			t.busy = append(t.busy, client)
		}
		t.mu.Unlock()
	}
	return 0
}

// Charge takes down that another proxy let n requests of client through.
func (t *Table) Charge(client Key, n int, now time.Duration) {
	s := t.set(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(client)
	// Above a full bucket too: what all of them let through together is paid off
	// before anything else is. The bound is for reports that cannot be true.
	n = min(n, reportLimit*t.rate.Burst)
	e.owes = min(max(e.owes, now)+t.rate.Every*time.Duration(n), now+reportLimit*t.rate.full())
}

// Use is a client with how many requests were let through.
type Use struct {
	Client Key
	Count  uint32
}

// Drain returns the clients that have been busy since it was called last.
func (t *Table) Drain() []Use {
	t.mu.Lock()
	busy := t.busy
	t.busy = nil
	t.mu.Unlock()
	uses := make([]Use, 0, len(busy))
	period := t.period.Add(1) - 1
	for _, client := range busy {
		s := t.set(client)
		s.mu.Lock()
		if e := s.find(client); e.period == period && e.used > 0 {
			uses = append(uses, Use{client, e.used})
			e.used = 0
		}
		s.mu.Unlock()
	}
	return uses
}

func (t *Table) set(client Key) *set {
	return &t.sets[balance.Mix(uint64(client)^t.seed)%sets]
}

// find returns client's entry, making room for it if it has none.
func (s *set) find(client Key) *entry {
	least := &s.at[0]
	for i := range s.at {
		e := &s.at[i]
		if e.key == client && e.owes > 0 {
			return e
		}
		if e.owes < least.owes {
			least = e
		}
	}
	*least = entry{key: client}
	return least
}
