package trace

import (
	"fmt"
	"io"
	"strings"
	"time"

	"pingd/proxy/retry"
	"pingd/proxy/wire"
)

// Request is what became of a request, made for JSON. Times are in milliseconds
// since its first byte; steps that it did not reach are left out.
type Request struct {
	ID       string    `json:"id"`
	Proxy    string    `json:"proxy,omitempty"` // which told of it
	Time     time.Time `json:"time"`
	Client   string    `json:"client"`
	Method   string    `json:"method"`
	Host     string    `json:"host"`
	Target   string    `json:"target"`
	Protocol string    `json:"protocol"`
	TLS      bool      `json:"tls"`
	Service  string    `json:"service"`

	Attempts []Attempt `json:"attempts"` // that failed
	Server   string    `json:"server,omitempty"`
	Addr     string    `json:"addr,omitempty"`
	Why      string    `json:"why,omitempty"`   // this server
	State    string    `json:"state,omitempty"` // of the server when the request ended
	Reused   bool      `json:"reused"`          // the connection had carried requests before

	Picked    *float64 `json:"picked_ms,omitempty"`
	Connected *float64 `json:"connected_ms,omitempty"`
	Answered  *float64 `json:"answered_ms,omitempty"`
	Done      *float64 `json:"done_ms,omitempty"`

	Status  int    `json:"status"`
	End     string `json:"end"`
	Retries int    `json:"retries"`
	In      int64  `json:"bytes_in"`
	Out     int64  `json:"bytes_out"`
}

// Attempt is one that failed.
type Attempt struct {
	Server string  `json:"server"`
	What   string  `json:"what"`
	At     float64 `json:"at_ms"`
}

func (k *kept) request() Request {
	r := &k.rec
	since := func(at wire.Instant) *float64 {
		if at == 0 {
			return nil
		}
		ms := float64(at.Sub(r.Start)) / float64(time.Millisecond)
		return &ms
	}
	q := Request{
		ID: k.text(0), Time: r.Start.Time().UTC(), Client: k.text(1), Method: k.text(2), Host: k.text(3), Target: k.text(4),
		Protocol: "HTTP/1", TLS: r.Secure, Service: r.Service, Server: name(r.Server), Reused: r.Reused,
		Picked: since(r.Picked), Connected: since(r.Connected), Answered: since(r.Answered), Done: since(r.Done),
		Status: r.Status, End: r.End, Retries: r.Retries, In: r.In, Out: r.Out,
	}
	if r.HTTP2 {
		q.Protocol = "HTTP/2"
	}
	if r.Server != nil {
		q.Addr, q.State, q.Why = r.Server.Backend().Addr, k.state.String(), r.Why.String()
	}
	for _, a := range r.Failed[:min(r.FailedCount, len(r.Failed))] {
		q.Attempts = append(q.Attempts, Attempt{name(a.Server), what(a.Failure), *since(a.At)})
	}
	return q
}

func what(f retry.Failure) string {
	switch f {
	case retry.Connect:
		return "no connection could be made"
	case retry.Died:
		return "the connection ended before an answer"
	case retry.TimedOut:
		return "no answer in time"
	}
	return "the answer was not a valid response"
}

// Write writes q for people.
func (q *Request) Write(w io.Writer) {
	over := q.Protocol
	if q.TLS {
		over += " over TLS"
	}
	fmt.Fprintf(w, "request %s\n  %s %s%s from %s by %s, at %s", q.ID, q.Method, q.Host, q.Target, q.Client, over, q.Time.Format("2006-01-02 15:04:05.000 MST"))
	if q.Proxy != "" {
		fmt.Fprintf(w, ", proxy %s", q.Proxy)
	}
	fmt.Fprintf(w, "\n  service %s\n", dash(q.Service))
	line := func(at *float64, format string, a ...any) {
		if at != nil {
			fmt.Fprintf(w, "  %9.3f ms  %s\n", *at, fmt.Sprintf(format, a...))
		}
	}
	zero := 0.0
	line(&zero, "its first byte came")
	for _, a := range q.Attempts {
		line(&a.At, "%s: %s", dash(a.Server), a.What)
	}
	line(q.Picked, "%s (%s) was picked: %s", q.Server, q.Addr, q.Why)
	if q.Connected != nil {
		line(q.Connected, "sent on %s", map[bool]string{true: "a connection that was kept", false: "a new connection"}[q.Reused])
	}
	line(q.Answered, "its answer began")
	line(q.Done, "over: %s, status %d, %d bytes in, %d bytes out, %d retries", q.End, q.Status, q.In, q.Out, q.Retries)
	if q.State != "" {
		fmt.Fprintf(w, "  the server was %s then\n", strings.ToUpper(q.State))
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
