//go:build amd64 || arm64

package loop

import (
	"syscall"

	"pingd/proxy/wire"
)

// slot is what a loop knows about one of its descriptors.
type slot struct {
	client *client // one of the two, or none: listener and mailbox
	server *server
	gen    uint32 // 0: not ours
	armed  uint32 // interest as epoll knows it
	listed bool   // epoll knows the descriptor
}

// table is a loop's descriptors, their interests and their deadlines.
type table struct {
	ep        int32
	slots     []slot
	deadlines []wire.Instant // 0: none
	next      wire.Instant   // no deadline is earlier
	gen       uint32
}

// never is later than every deadline.
const never = wire.Instant(1<<63 - 1)

// add makes fd one of ours, without interest in it.
func (t *table) add(fd int32, c *client, s *server) {
	for int(fd) >= len(t.slots) {
		n := max(64, 2*len(t.slots), int(fd)+1)
		t.slots = append(t.slots, make([]slot, n-len(t.slots))...)
		t.deadlines = append(t.deadlines, make([]wire.Instant, n-len(t.deadlines))...)
	}
	if t.gen++; t.gen == 0 {
		t.gen = 1
	}
	t.slots[fd] = slot{client: c, server: s, gen: t.gen}
}

// find returns the slot that ev was asked for, or nil when its descriptor has
// been closed since.
func (t *table) find(ev *event) *slot {
	if int(ev.Fd) >= len(t.slots) {
		return nil
	}
	s := &t.slots[ev.Fd]
	if s.gen == 0 || s.gen != uint32(ev.Pad) {
		return nil
	}
	return s
}

// interest makes epoll report what mask says. A descriptor without any interest
// is unlisted when quiet is set: epoll would go on to report its errors.
func (t *table) interest(fd int32, mask uint32, quiet bool) error {
	s := &t.slots[fd]
	op := syscall.EPOLL_CTL_MOD
	switch {
	case mask == 0 && quiet && s.listed:
		op = syscall.EPOLL_CTL_DEL
	case mask == 0 && quiet:
		return nil
	case !s.listed:
		op = syscall.EPOLL_CTL_ADD
	case s.armed == mask:
		return nil
	}
	if err := control(t.ep, op, fd, s.gen, mask); err != nil {
		return err
	}
	s.armed, s.listed = mask, op != syscall.EPOLL_CTL_DEL
	return nil
}

// forget makes fd none of ours; closing it takes it out of epoll as well.
func (t *table) forget(fd int32) {
	t.slots[fd] = slot{}
	t.deadlines[fd] = 0
}

// limit sets fd's deadline.
func (t *table) limit(fd int32, at wire.Instant) {
	t.deadlines[fd] = at
	if at != 0 && at < t.next {
		t.next = at
	}
}

// expired calls expire for each deadline that has passed.
func (t *table) expired(now wire.Instant, expire func(fd int32)) {
	for fd := 0; fd < len(t.deadlines); fd++ {
		if d := t.deadlines[fd]; d != 0 && d <= now {
			t.deadlines[fd] = 0
			expire(int32(fd))
		}
	}
	t.next = never
	for _, d := range t.deadlines {
		if d != 0 && d < t.next {
			t.next = d
		}
	}
}
