package accesslog

import (
	"strconv"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/wire"
)

const stamp = "2006-01-02T15:04:05.000Z"

// AppendText appends r as a line; see the package comment.
func AppendText(b []byte, r *exchange.Record) []byte {
	b = appendWord(b, r.Client)
	b = append(b, " ["...)
	b = r.Start.Time().UTC().AppendFormat(b, stamp)
	b = append(b, "] "...)
	b = append(b, server(r)...)
	b = append(b, ' ')
	for i, ms := range timers(r) {
		if i > 0 {
			b = append(b, '/')
		}
		if ms < 0 {
			b = append(b, '-')
		} else {
			b = strconv.AppendFloat(b, ms, 'f', 3, 64)
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
	return append(b, '"', '\n')
}

// AppendJSON appends r as one JSON object and a line end. Times are in
// milliseconds; steps not reached are left out.
func AppendJSON(b []byte, r *exchange.Record) []byte {
	b = append(b, `{"time":"`...)
	b = r.Start.Time().UTC().AppendFormat(b, stamp)
	b = append(b, `","client":"`...)
	b = appendEscaped(b, r.Client)
	b = append(b, `","backend":"`...)
	b = append(b, server(r)...)
	b = append(b, '"')
	names := [4]string{"queue_ms", "connect_ms", "response_ms", "total_ms"}
	for i, ms := range timers(r) {
		if ms >= 0 {
			b = append(b, `,"`...)
			b = append(b, names[i]...)
			b = append(b, `":`...)
			b = strconv.AppendFloat(b, ms, 'f', 3, 64)
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
	}{{"method", r.Method}, {"host", r.Host}, {"target", r.Target}} {
		b = append(b, `,"`...)
		b = append(b, f.name...)
		b = append(b, `":"`...)
		b = appendEscaped(b, f.s)
		b = append(b, '"')
	}
	b = append(b, `,"end":"`...)
	b = append(b, r.End...)
	return append(b, '"', '}', '\n')
}

// timers returns queue, connect, response and total in ms; -1: not reached.
func timers(r *exchange.Record) [4]float64 {
	ms := func(from, to wire.Instant) float64 {
		if from == 0 || to == 0 {
			return -1
		}
		return float64(to.Sub(from)) / float64(time.Millisecond)
	}
	return [4]float64{ms(r.Start, r.Picked), ms(r.Picked, r.Connected), ms(r.Connected, r.Answered), ms(r.Start, r.Done)}
}

func server(r *exchange.Record) string {
	if r.Server == nil {
		return "-"
	}
	return r.Server.Name()
}

func appendWord(b, w []byte) []byte {
	if len(w) == 0 {
		return append(b, '-')
	}
	return appendEscaped(b, w)
}

// appendEscaped writes what may stand in a quoted string of both formats: other
// bytes as \u00xx, so that a client cannot forge a line.
func appendEscaped(b, s []byte) []byte {
	const hex = "0123456789abcdef"
	for _, c := range s {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}
