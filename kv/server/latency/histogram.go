package latency

import (
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"

	"pingd/kv/resp/reply"
)

func count(n int) string { return strconv.Itoa(n) }

// buckets is how many powers of two of microseconds are told apart: up to an hour.
const buckets = 32

// Histogram counts times by powers of two of microseconds. Its zero value is
// empty; it is safe for concurrent use.
type Histogram struct{ n [buckets]atomic.Int64 }

// Note takes in a time.
func (h *Histogram) Note(took time.Duration) {
	us := max(took.Microseconds(), 1)
	h.n[min(bits.Len64(uint64(us-1)), buckets-1)].Add(1)
}

// Reset forgets everything.
func (h *Histogram) Reset() {
	for i := range h.n {
		h.n[i].Store(0)
	}
}

// calls returns how many times there were.
func (h *Histogram) calls() (n int64) {
	for i := range h.n {
		n += h.n[i].Load()
	}
	return n
}

// Named is the histogram of one command.
type Named struct {
	Name string
	*Histogram
}

// AnswerHistogram is LATENCY HISTOGRAM over the commands asked for: their calls
// and, cumulatively, how many took at most so many microseconds.
func AnswerHistogram(w *reply.Writer, list []Named) {
	var used []Named
	for _, h := range list {
		if h.calls() > 0 {
			used = append(used, h)
		}
	}
	w.Map(len(used))
	for _, h := range used {
		w.Bulk(h.Name)
		w.Map(2)
		w.Bulk("calls")
		w.Int(h.calls())
		w.Bulk("histogram_usec")
		type bin struct{ us, n int64 }
		var bins []bin
		sum := int64(0)
		for i := range h.n {
			if n := h.n[i].Load(); n > 0 {
				sum += n
				bins = append(bins, bin{1 << i, sum})
			}
		}
		w.Map(len(bins))
		for _, b := range bins {
			w.Int(b.us)
			w.Int(b.n)
		}
	}
}

// AnswerHelp is LATENCY HELP.
func AnswerHelp(w *reply.Writer) {
	w.Help("LATENCY",
		"DOCTOR",
		"    Return a report for people.",
		"HISTOGRAM [<command> ...]",
		"    Return how long calls of commands took on this node.",
		"HISTORY <event>",
		"    Return times and milliseconds of the spikes of an event.",
		"LATEST",
		"    Return the latest and the worst spike of each event.",
		"RESET [<event> ...]",
		"    Forget the spikes.")
}
