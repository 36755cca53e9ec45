package counter

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Answers of the counter other than a number.
const (
	textUnsent    = "The visit was not counted: the store is not available. Please try again.\n"
	textFull      = "The visit was not counted: too many are waiting. Please try again.\n"
	textUncertain = "The visit may or may not have been counted: the store did not answer in time.\n"
)

// ServeHTTP implements http.Handler.
//
// Only GET with the path "/" counts (any query). HEAD is safe to send
// (RFC 9110, section 9.2.1): it is answered without counting.
func (c *Counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if c.draining.Load() {
		h["Connection"] = closeConnection
	}
	switch r.URL.Path {
	case "/":
		c.lastVisit.Store(int64(time.Since(c.started)))
		switch r.Method {
		case http.MethodGet:
			c.visit(w, r)
		case http.MethodHead:
			plain(h)
		default:
			notAllowed(w)
		}
	case "/healthz":
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			notAllowed(w)
		case c.draining.Load():
			answer(w, http.StatusServiceUnavailable, "draining\n")
		default:
			answer(w, http.StatusOK, "ok\n")
		}
	default:
		answer(w, http.StatusNotFound, "not found\n")
	}
}

// visit counts one visit and answers its number.
func (c *Counter) visit(w http.ResponseWriter, r *http.Request) {
	token, err := c.tokens.next(r.Header)
	if err != nil {
		answer(w, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	start := time.Now()
	v := &visit{token: token, deadline: start.Add(c.cfg.VisitTimeout), done: make(chan outcome, 1)}
	if err := c.batch.join(v); err != nil {
		c.stats.failed(err)
		unavailable(w, textFull)
		return
	}
	patience := time.NewTimer(c.cfg.VisitTimeout)
	defer patience.Stop()
	select {
	case o := <-v.done:
		c.answerOutcome(w, o, time.Since(start))
	case <-patience.C:
		c.giveUp(w, v, time.Since(start))
	case <-r.Context().Done():
		// The visitor is gone; the visit, if it still waits, need not be made.
		c.batch.withdraw(v)
		c.stats.left()
	}
}

func (c *Counter) answerOutcome(w http.ResponseWriter, o outcome, took time.Duration) {
	if o.err == nil {
		c.stats.counted(o.number, took)
		var buf [24]byte
		body := append(strconv.AppendInt(buf[:0], o.number, 10), '\n')
		h := w.Header()
		plain(h)
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
		_, _ = w.Write(body)
		return
	}
	c.stats.failed(o.err)
	if definite(o.err) {
		unavailable(w, textUnsent)
		return
	}
	unavailable(w, textUncertain)
}

// giveUp answers a visitor whose time is over.
func (c *Counter) giveUp(w http.ResponseWriter, v *visit, took time.Duration) {
	if c.batch.withdraw(v) {
		c.stats.failed(errLate)
		unavailable(w, textUnsent)
		return
	}
	select {
	case o := <-v.done: // it came in the same moment
		c.answerOutcome(w, o, took)
	default:
		c.stats.failed(errLate)
		unavailable(w, textUncertain)
	}
}

var errLate = errors.New("no answer within the visit timeout")

// definite reports whether err says that nothing was counted.
func definite(err error) bool {
	if errors.Is(err, errStopped) || errors.Is(err, errFull) {
		return true
	}
	var d interface{ Definite() bool }
	return errors.As(err, &d) && d.Definite()
}

// Header values shared by all answers; net/http does not change them.
var (
	textPlain       = []string{"text/plain; charset=utf-8"}
	noStore         = []string{"no-store"}
	closeConnection = []string{"close"}
)

func plain(h http.Header) {
	h["Content-Type"] = textPlain
	h["Cache-Control"] = noStore
}

func answer(w http.ResponseWriter, status int, text string) {
	plain(w.Header())
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func unavailable(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	answer(w, http.StatusServiceUnavailable, text)
}

func notAllowed(w http.ResponseWriter) {
	w.Header().Set("Allow", "GET, HEAD")
	answer(w, http.StatusMethodNotAllowed, "method not allowed\n")
}
