package sim

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// heal ends all faults and lets every node come back.
func (w *world) heal() {
	w.trace("all is healed")
	w.net.set(func() {
		clear(w.net.cuts)
		clear(w.net.frozen)
		w.net.base, w.net.jitter = w.plan.base, w.plan.jitter
	})
	w.do(func() {
		for _, n := range w.nodes {
			n.disk.thaw()
			n.disk.set(func(d *disk) {
				d.free = 1 << 40
				d.broken = false
				d.fuse = 0
			})
			w.down[n] = time.Time{}
		}
	})
	w.healed = time.Now()
}

// Promised times of progress once all is healed.
const (
	serveWithin  = 8 * time.Second
	settleWithin = 25 * time.Second // nodes that lost their disk catch up and vote
)

// settle waits until every node serves writes and votes.
func (w *world) settle() {
	left := map[*node]string{}
	for _, n := range w.nodes {
		left[n] = "nothing yet"
	}
	served := false
	for len(left) > 0 {
		for _, n := range w.nodes {
			if _, ok := left[n]; !ok {
				continue
			}
			if why := w.serves(n); why != "" {
				left[n] = why
				continue
			}
			if delete(left, n); !served {
				served = true
				w.trace("writes are served again after %s", time.Since(w.healed))
				if took := time.Since(w.healed); took > serveWithin {
					w.fail("no node served a write for %s after all was healed", took)
				}
			}
		}
		if time.Since(w.healed) > settleWithin && len(left) > 0 {
			for _, n := range w.nodes {
				if why, ok := left[n]; ok {
					w.fail("%s is not back %s after all was healed: %s", n.name, settleWithin, why)
				}
			}
			w.do(w.describe)
			return
		}
		pass(20 * time.Millisecond)
	}
	w.trace("every node is back after %s", time.Since(w.healed))
}

// serves tells why a node does not serve yet.
func (w *world) serves(n *node) string {
	p := w.process(n)
	if p == nil {
		return "it is down"
	}
	stopping := false
	if w.do(func() { stopping = p.stopping }); stopping {
		return "it is stopping"
	}
	if s := p.r.Status(); !s.Voter || s.Voters != len(w.nodes) {
		return fmt.Sprintf("it is %s, votes: %t, sees %d voters and leader %q", s.State, s.Voter, s.Voters, s.Leader)
	}
	done := w.hist.begin(op{kind: opIncr, key: "f", at: p})
	replies, err, ok := p.do(one("INCR", "f"), time.Second)
	done(outcomeOf(err, ok), first(replies))
	switch {
	case !ok:
		return "it ended"
	case err != nil:
		return err.Error()
	}
	return ""
}

// last reads every key once more, when nobody writes, and compares the nodes.
func (w *world) last() {
	w.finals = map[string]int{}
	keys := []string{"f"}
	for _, kind := range []string{"c", "r", "o", "b"} {
		for i := range keysOfKind {
			keys = append(keys, kind+strconv.Itoa(i))
		}
	}
	for i, key := range keys {
		deadline := time.Now().Add(10 * time.Second)
		for !w.lastOf(w.nodes[i%len(w.nodes)], key) {
			if time.Now().After(deadline) {
				w.fail("%s cannot be read in the end", key)
				w.do(w.describe)
				return
			}
			pass(20 * time.Millisecond)
		}
	}
	w.alike()
}

// lastOf reads a key on a node; false where that did not work.
func (w *world) lastOf(n *node, key string) bool {
	p := w.process(n)
	if p == nil {
		return false
	}
	done := w.hist.begin(op{kind: opGet, key: key, at: p})
	replies, err, ok := p.do(one("GET", key), 5*time.Second)
	if !ok || err != nil {
		done(refused, "")
		return false
	}
	done(answered, replies[0])
	if n, err := strconv.Atoi(number(replies[0])); err == nil && !strings.HasPrefix(key, "r") {
		w.finals[key] = n
	}
	return true
}

// alike waits until all nodes have applied the same, and compares their data.
func (w *world) alike() {
	deadline := time.Now().Add(5 * time.Second)
	for {
		var digests, indexes []uint64
		w.do(func() {
			for _, p := range w.procsUp() {
				indexes = append(indexes, p.r.Status().Applied)
				digests = append(digests, p.r.Engine().Digest())
			}
		})
		if same(indexes) && same(digests) {
			return
		}
		if time.Now().After(deadline) {
			if len(w.failed) == 0 {
				w.fail("nodes differ in the end: applied %v, digests %x", indexes, digests)
				w.do(w.describe)
			}
			return
		}
		pass(10 * time.Millisecond)
	}
}

func same(list []uint64) bool {
	for _, v := range list {
		if v != list[0] {
			return false
		}
	}
	return true
}

// describe notes how every node is, and what each goroutine does: where the order of
// things is the scheduler's, a seed that failed may never fail again. w.mu is held.
func (w *world) describe() {
	for _, p := range w.procsUp() {
		s := p.r.Status()
		w.trace("%s: %s term %d leader %q last %d commit %d applied %d voter %t of %d", s.Name, s.State, s.Term, s.Leader, s.LastIndex, s.Commit, s.Applied, s.Voter, s.Voters)
	}
	buf := make([]byte, 4<<20)
	w.trace("all goroutines:\n%s", buf[:runtime.Stack(buf, true)])
}
