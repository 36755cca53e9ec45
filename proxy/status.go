package proxy

import (
	"time"

	"pingd/proxy/cert"
	"pingd/proxy/dispatch"
	"pingd/proxy/health"
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
	Refused         map[string]int64 `json:"refused"`       // responses made by the proxy itself, by class
	Latency         Latency          `json:"latency"`       // whole requests as clients see them
	TLS             *TLSStatus       `json:"tls,omitempty"` // nil: not served
	Services        []ServiceStatus  `json:"services"`
	Backends        []BackendStatus  `json:"backends"`
}

// TLSStatus is about clients that speak TLS.
type TLSStatus struct {
	Addr         string      `json:"addr"`
	Handshakes   int64       `json:"handshakes"`
	Resumed      int64       `json:"resumed"` // of them
	Failed       int64       `json:"failed"`
	Certificates []cert.Info `json:"certificates"`
}

// ServiceStatus is one service.
type ServiceStatus struct {
	Name    string   `json:"name"`
	Routes  []string `json:"routes"` // none for what no route is for
	Balance string   `json:"balance"`
	Cookie  string   `json:"cookie,omitempty"`
	Servers int      `json:"servers"`
	Up      int      `json:"up"`
	Queue   int      `json:"queue"`
}

// BackendStatus is one row of the backends table.
type BackendStatus struct {
	Service      string           `json:"service"`
	Name         string           `json:"name"`
	Addr         string           `json:"addr"`
	State        string           `json:"state"` // UP, DOWN, NEW, REFUSING, DRAIN, LEAVING
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
		Accepted: stats.Accepted, Latency: p.durations.Counts(), Refused: map[string]int64{}, Backends: []BackendStatus{},
	}
	for i, n := range stats.Own {
		if i > 0 {
			s.Refused[classes[i]] = n
		}
	}
	if p.secure != nil {
		n := p.front.SecureStats()
		s.TLS = &TLSStatus{p.secure.addr, n.Handshakes, n.Resumed, n.Failed, p.secure.book.List()}
	}
	for _, service := range p.services {
		s.add(p, service)
	}
	return s
}

// add adds a service and its servers.
func (s *Status) add(p *Proxy, service *dispatch.Service) {
	row := ServiceStatus{
		Name: service.Name, Routes: []string{}, Balance: service.Balance.String(), Cookie: service.Cookie, Queue: service.Set.Waiting(),
	}
	for _, r := range p.cfg.Routes {
		if r.Service.Name == service.Name {
			row.Routes = append(row.Routes, r.Pattern.String())
		}
	}
	for _, t := range p.tcps {
		if t.name == service.Name {
			row.Routes = append(row.Routes, "tcp "+t.addr)
		}
	}
	for _, m := range service.Set.Servers() {
		b := backendStatus(service.Name, m)
		s.Backends = append(s.Backends, b)
		if row.Servers++; b.State == "UP" {
			row.Up++
		}
	}
	for _, m := range service.Set.Leaving() {
		b := backendStatus(service.Name, m)
		b.State = "LEAVING"
		s.Backends = append(s.Backends, b)
	}
	s.Queue += row.Queue
	s.Services = append(s.Services, row)
}

func backendStatus(service string, m *upstream.Server) BackendStatus {
	b, v := m.Backend(), m.View()
	row := BackendStatus{
		Service: service, Name: m.Name(), Addr: b.Addr, State: v.State.String(), Check: v.Check, Weight: v.Weight,
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
	if v.Draining && v.State == health.Up {
		row.State = "DRAIN"
	}
	for i := 1; i < len(classes); i++ {
		row.Responses[classes[i]] = m.Responses[i].Load()
	}
	return row
}
