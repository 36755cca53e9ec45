package record

import "pingd/monitor/history"

// Recorder writes one second of series. It builds names in a buffer it keeps, so
// that recording a host costs no allocation. The zero value is ready. Not for
// concurrent use.
type Recorder struct {
	w   history.Writer
	key []byte
}

// Begin starts a second of ring: what is recorded until End becomes visible then.
func (r *Recorder) Begin(ring *history.Ring, second int64) { r.w = ring.Begin(second) }

// End ends the second that Begin started.
func (r *Recorder) End() { r.w.Close() }

// Put stores v under the dotted name made of parts.
func (r *Recorder) Put(v float64, parts ...string) {
	r.key = r.key[:0]
	for i, p := range parts {
		if i > 0 {
			r.key = append(r.key, '.')
		}
		r.key = append(r.key, p...)
	}
	r.w.Put(r.key, v)
}

// rate is how much a counter grew a second. A counter that went back was reset
// (a device or process came anew): that gives no rate rather than a wild one.
func rate(old, now uint64, seconds float64) float64 {
	if now < old || seconds <= 0 {
		return 0
	}
	return float64(now-old) / seconds
}

// share is part/whole, 0 when there is no whole.
func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}

// find looks for name in list, at place i first: order seldom changes.
func find[T any](list []T, i int, name string, nameOf func(*T) string) *T {
	if i < len(list) && nameOf(&list[i]) == name {
		return &list[i]
	}
	for j := range list {
		if nameOf(&list[j]) == name {
			return &list[j]
		}
	}
	return nil
}
