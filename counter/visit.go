package counter

import (
	"errors"
	"net/http"
	"time"
)

// handle answers a request, or lines its visit up for the next call of the store.
//
// Only GET with the path "/" counts (any query). HEAD is safe to send
// (RFC 9110, section 9.2.1): it is answered without counting.
func (c *conn) handle(r request) {
	head := r.method == "HEAD"
	switch {
	case r.path == "":
		c.reply(answer{status: http.StatusNotFound, text: "not found\n", bodyOff: head})
		return
	case r.method == "":
		c.reply(answer{status: http.StatusMethodNotAllowed, text: "method not allowed\n", field: fieldAllow})
		return
	case r.body:
		c.reply(answer{status: errBody.status, text: errBody.text + "\n", bodyOff: head})
		return
	case r.path == "/healthz":
		a := answer{status: http.StatusOK, text: "ok\n", bodyOff: head}
		if c.counter.draining.Load() {
			a.status, a.text = http.StatusServiceUnavailable, "draining\n"
		}
		c.reply(a)
		return
	}
	now := time.Now()
	c.counter.lastVisit.Store(int64(now.Sub(c.counter.started)))
	if head {
		c.replyHead()
		return
	}
	c.visit(r, now)
}

// visit lines a visit up. Its outcome comes to told.
func (c *conn) visit(r request, now time.Time) {
	token, err := c.counter.tokens.next(r.keys, r.key)
	if err != nil {
		c.reply(answer{status: http.StatusBadRequest, text: err.Error() + "\n"})
		return
	}
	c.mu.Lock()
	v := c.spare
	if v == nil {
		v = &visit{visitor: c}
	}
	v.token, v.start, v.deadline = token, now, now.Add(c.counter.cfg.VisitTimeout)
	c.spare, c.waiting = nil, v
	c.mu.Unlock()
	if err := c.counter.batch.join(v); err != nil {
		c.told(v, outcome{err: err}, now)
	}
}

// told answers the visitor, unless it has lost patience or left.
func (c *conn) told(v *visit, o outcome, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting != v {
		return
	}
	c.waiting, c.spare = nil, v // nobody else knows it any more
	if o.err == nil {
		c.counter.stats.counted(o.number, now.Sub(v.start))
		c.send(appendNumber(c.out[:0], o.number, c.counter.date(), c.decide()))
		return
	}
	c.counter.stats.failed(o.err)
	c.unavailable(textOf(o.err))
}

// giveUp answers a visitor whose time is over. c.mu is held.
func (c *conn) giveUp() {
	v := c.waiting
	c.waiting = nil
	c.counter.stats.failed(errLate)
	if c.counter.batch.withdraw(v) {
		c.spare = v
		c.unavailable(textUnsent)
		return
	}
	c.unavailable(textUncertain)
}

// unavailable answers 503. c.mu is held.
func (c *conn) unavailable(text string) {
	a := answer{status: http.StatusServiceUnavailable, text: text, field: fieldRetry}
	c.send(appendAnswer(c.out[:0], a, c.counter.date(), c.decide()))
}

// textOf says what err means for the visit.
func textOf(err error) string {
	switch {
	case errors.Is(err, errFull):
		return textFull
	case definite(err):
		return textUnsent
	}
	return textUncertain
}

func (c *conn) replyHead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.send(appendHeadOnly(c.out[:0], c.counter.date(), c.decide()))
	}
}

// sweep ends what has lasted too long, at now.
func (c *conn) sweep(now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case c.waiting != nil:
		if c.waiting.deadline.Sub(c.counter.started) <= now {
			c.giveUp()
		}
	case c.busy: // writing and lingering end by themselves
	case c.begun != never:
		if now-c.begun >= readHeaderTimeout {
			c.cut()
		}
	case now-c.idle >= idleTimeout:
		c.cut()
	}
}

// release closes a connection on which nothing is under way; with silent also one
// on which nothing ever was.
func (c *conn) release(silent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.busy && (c.begun == never || c.fresh && silent) {
		c.cut()
	}
}
