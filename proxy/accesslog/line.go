package accesslog

import (
	"strconv"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/wire"
)

// AppendText appends r as a line; see the package comment.
func AppendText(b []byte, r *exchange.Record) []byte { return appendText(b, r, new(stamper)) }

// AppendJSON appends r as one JSON object and a line end. Times are in
// milliseconds; steps not reached are left out.
func AppendJSON(b []byte, r *exchange.Record) []byte { return appendJSON(b, r, new(stamper)) }

// stamper formats points in time, the whole seconds only once each.
type stamper struct {
	second int64
	text   []byte
}

// append appends t as 2006-01-02T15:04:05.000Z.
func (s *stamper) append(b []byte, t time.Time) []byte {
	if u := t.Unix(); u != s.second || s.text == nil {
		s.second = u
		s.text = t.UTC().AppendFormat(s.text[:0], "2006-01-02T15:04:05")
	}
	b = append(b, s.text...)
	ms := t.Nanosecond() / 1_000_000
	return append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

func appendText(b []byte, r *exchange.Record, s *stamper) []byte {
	b = appendWord(b, r.Client)
	b = append(b, " ["...)
	b = s.append(b, r.Start.Time())
	b = append(b, "] "...)
	b = appendWord(b, server(r))
	b = append(b, ' ')
	for i, d := range timers(r) {
		if i > 0 {
			b = append(b, '/')
		}
		if d < 0 {
			b = append(b, '-')
		} else {
			b = appendMillis(b, d)
		}
	}
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(r.Status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, r.Out, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(r.Retries), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(r.Redispatches), 10)
	b = append(b, " \""...)
	b = append(b, r.End...)
	b = append(b, "\" \""...)
	b = appendEscaped(b, r.Method)
	b = append(b, ' ')
	b = appendEscaped(b, r.Host)
	b = append(b, ' ')
	b = appendEscaped(b, r.Target)
	b = append(b, '"', ' ')
	b = appendWord(b, r.ID)
	b = append(b, ' ')
	b = appendWord(b, r.Service)
	return append(b, '\n')
}

func appendJSON(b []byte, r *exchange.Record, s *stamper) []byte {
	b = append(b, `{"time":"`...)
	b = s.append(b, r.Start.Time())
	b = append(b, `","client":"`...)
	b = appendEscaped(b, r.Client)
	b = append(b, `","backend":"`...)
	b = appendWord(b, server(r))
	b = append(b, '"')
	names := [4]string{"queue_ms", "connect_ms", "response_ms", "total_ms"}
	for i, d := range timers(r) {
		if d >= 0 {
			b = append(b, `,"`...)
			b = append(b, names[i]...)
			b = append(b, `":`...)
			b = appendMillis(b, d)
		}
	}
	for _, f := range [...]struct {
		name string
		n    int64
	}{{"status", int64(r.Status)}, {"bytes_in", r.In}, {"bytes_out", r.Out}, {"retries", int64(r.Retries)}, {"redispatches", int64(r.Redispatches)}} {
		b = append(b, `,"`...)
		b = append(b, f.name...)
		b = append(b, `":`...)
		b = strconv.AppendInt(b, f.n, 10)
	}
	for _, f := range [...]struct {
		name string
		s    []byte
	}{{"method", r.Method}, {"host", r.Host}, {"target", r.Target}, {"id", r.ID}} {
		b = append(b, `,"`...)
		b = append(b, f.name...)
		b = append(b, `":"`...)
		b = appendEscaped(b, f.s)
		b = append(b, '"')
	}
	b = append(b, `,"service":"`...)
	b = appendEscaped(b, r.Service)
	b = append(b, '"')
	protocol := `,"protocol":"HTTP/1"`
	if r.HTTP2 {
		protocol = `,"protocol":"HTTP/2"`
	}
	b = append(b, protocol...)
	if r.Secure {
		b = append(b, `,"tls":true`...)
	}
	b = append(b, `,"end":"`...)
	b = append(b, r.End...)
	return append(b, '"', '}', '\n')
}

// timers returns queue, connect, response and total; -1: not reached.
func timers(r *exchange.Record) [4]time.Duration {
	between := func(from, to wire.Instant) time.Duration {
		if from == 0 || to == 0 {
			return -1
		}
		return max(to.Sub(from), 0)
	}
	return [4]time.Duration{between(r.Start, r.Picked), between(r.Picked, r.Connected), between(r.Connected, r.Answered), between(r.Start, r.Done)}
}

// appendMillis appends d in milliseconds with three decimals.
func appendMillis(b []byte, d time.Duration) []byte {
	us := int64((d + 500) / 1000)
	b = strconv.AppendInt(b, us/1000, 10)
	us %= 1000
	return append(b, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
}

func server(r *exchange.Record) string {
	if r.Server == nil {
		return "-"
	}
	return r.Server.Name()
}

func appendWord[T string | []byte](b []byte, w T) []byte {
	if len(w) == 0 {
		return append(b, '-')
	}
	return appendEscaped(b, w)
}

// appendEscaped writes what may stand in a quoted string of both formats: other
// bytes as \u00xx, so that a client cannot forge a line.
func appendEscaped[T string | []byte](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}
