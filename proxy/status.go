package proxy

import (
	"time"

	"pingd/proxy/latency"
	"pingd/proxy/upstream"
)

// Latency is a distribution of durations; see its fields.
type Latency = latency.Counts

// Status is the proxy's state as /status shows it.
type Status struct {
	Addr            string           `json:"addr"`
	Connections     int64            `json:"connections"`
	MaxConnections  int64            `json:"max_connections"`  // the limit: more wait to be accepted
	PeakConnections int64            `json:"peak_connections"` // most open at once
	Accepted        int64            `json:"accepted"`
	Queue           int              `json:"queue"`
	Refused         map[string]int64 `json:"refused"` // responses made by the proxy itself, by class
	Latency         Latency          `json:"latency"` // whole requests as clients see them
	Backends        []BackendStatus  `json:"backends"`
}

// BackendStatus is one row of the backends table.
type BackendStatus struct {
	Name         string           `json:"name"`
	Addr         string           `json:"addr"`
	State        string           `json:"state"` // UP, DOWN, NEW, REFUSING, LEAVING
	Check        string           `json:"check"` // last result as HAProxy writes it: L4OK, L7STS 500
	Weight       int              `json:"weight"`
	Current      int64            `json:"current"` // requests in flight
	Max          int64            `json:"max"`
	Limit        int              `json:"limit"` // 0: none
	Idle         int              `json:"idle"`  // connections kept open
	Requests     int64            `json:"requests"`
	Responses    map[string]int64 `json:"responses"`
	Errors       map[string]int64 `json:"errors"`
	Retries      int64            `json:"retries"`
	Redispatches int64            `json:"redispatches"`
	BytesIn      int64            `json:"bytes_in"`
	BytesOut     int64            `json:"bytes_out"`
	ChecksFailed int64            `json:"checks_failed"`
	LastChange   time.Time        `json:"last_change"`
	Downtime     float64          `json:"downtime_seconds"`
	// Latency is from the moment a request has a connection to the head of the
	// response: the server's own
	// time, and that of a body it reads first. Requests that got no response are not in.
	Latency Latency `json:"latency"`
}

var classes = [6]string{"", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Status returns the current state, a Status.
func (p *Proxy) Status() any {
	stats := p.gate.Stats()
	s := Status{
		Addr: p.addr, Connections: stats.Connections, MaxConnections: stats.Limit, PeakConnections: stats.Peak,
		Accepted: stats.Accepted, Latency: p.durations.Counts(), Queue: p.set.Waiting(), Refused: map[string]int64{}, Backends: []BackendStatus{},
	}
	for i, n := range stats.Own {
		if i > 0 {
			s.Refused[classes[i]] = n
		}
	}
	for _, m := range p.set.Servers() {
		s.Backends = append(s.Backends, backendStatus(m))
	}
	for _, m := range p.set.Leaving() {
		row := backendStatus(m)
		row.State = "LEAVING"
		s.Backends = append(s.Backends, row)
	}
	return s
}

func backendStatus(m *upstream.Server) BackendStatus {
	b, v := m.Backend(), m.View()
	row := BackendStatus{
		Name: m.Name(), Addr: b.Addr, State: v.State.String(), Check: v.Check, Weight: b.Weight,
		Current: v.Active, Max: v.Peak, Limit: b.MaxConn, Idle: v.Idle, Requests: m.Requests.Load(),
		Responses: map[string]int64{},
		Errors: map[string]int64{
			"connect": m.ConnectErrors.Load(), "died": m.Deaths.Load(), "timeout": m.Timeouts.Load(),
			"invalid": m.Invalid.Load(), "truncated": m.Truncated.Load(),
		},
		Retries: m.Retries.Load(), Redispatches: m.Redispatches.Load(),
		BytesIn: m.BytesIn.Load(), BytesOut: m.BytesOut.Load(), ChecksFailed: m.ChecksFailed.Load(),
		LastChange: v.Changed, Downtime: v.Downtime.Seconds(),
		Latency: m.Answer.Counts(),
	}
	for i := 1; i < len(classes); i++ {
		row.Responses[classes[i]] = m.Responses[i].Load()
	}
	return row
}
