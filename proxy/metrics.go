package proxy

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/proxy/accesslog"
	"pingd/proxy/exchange"
	"pingd/proxy/health"
	"pingd/proxy/latency"
	"pingd/proxy/trace"
	"pingd/proxy/upstream"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pingd_proxy_"+name, help, labels, nil)
}

var (
	descRequests     = desc("requests_total", "Responses sent to clients, by service, backend and class; backend \"none\" for those of the proxy itself.", "service", "backend", "code")
	descDuration     = desc("request_duration_seconds", "Time from the first byte of a request to the last of its response.")
	descAnswer       = desc("backend_response_seconds", "Time from a request on a connection of the backend to the head of its response.", "service", "backend")
	descUp           = desc("backend_up", "Whether the backend may get traffic.", "service", "backend")
	descActive       = desc("backend_connections", "Requests in flight.", "service", "backend")
	descChecksFailed = desc("backend_checks_failed_total", "Checks that failed.", "service", "backend")
	descErrors       = desc("backend_errors_total", "Attempts that failed, by class.", "service", "backend", "class")
	descRetries      = desc("retries_total", "Requests sent again because this backend failed.", "service", "backend")
	descRedispatches = desc("redispatches_total", "Of those, the ones that went to another backend.", "service", "backend")
	descBytes        = desc("bytes_total", "Body bytes, in from clients and out to them.", "service", "backend", "direction")
	descConnections  = desc("connections", "Open client connections.")
	descMaximum      = desc("connections_max", "Most client connections open at once.")
	descLimit        = desc("connections_limit", "Client connections served at once at most; more wait to be accepted.")
	descAccepted     = desc("connections_total", "Client connections accepted.")
	descQueue        = desc("queue", "Requests waiting for a free slot.")
	descServiceQueue = desc("service_queue", "Requests waiting for a free slot of the service's servers.", "service")
	descHandshakes   = desc("tls_handshakes_total", "TLS handshakes, by result: new session, resumed or failed.", "result")
	descCertificate  = desc("certificate_expiry_timestamp_seconds", "When the certificate ends.", "name")
	descCompressed   = desc("compressed_total", "Responses by what became of their compression: compressed, or busy where as many as allowed were at work.", "result")
	descCompression  = desc("compression_bytes_total", "Body bytes of responses that were compressed, in before and out after.", "direction")
	descWeight       = desc("backend_weight", "Weight of the backend, 0 while it is drained.", "service", "backend")
)

// collector exports what the proxy counts anyway: nothing is added to the path
// of a request.
type collector struct{ p *Proxy }

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descRequests, descDuration, descAnswer, descLimit, descUp, descActive, descChecksFailed, descErrors, descRetries,
		descRedispatches, descBytes, descConnections, descMaximum, descAccepted, descQueue, descServiceQueue, descWeight, descHandshakes, descCertificate,
		descCompressed, descCompression,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), valid(labels)...)
	}
	gauge := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), valid(labels)...)
	}
	waiting := 0
	for _, s := range c.p.services {
		for _, m := range s.Set.Servers() {
			c.collectServer(s.Name, m, counter, gauge)
			ch <- histogram(descAnswer, &m.Answer, s.Name, m.Name())
		}
		n := s.Set.Waiting()
		waiting += n
		gauge(descServiceQueue, int64(n), s.Name)
	}
	stats := c.p.gate.Stats()
	for i := 1; i < len(classes); i++ {
		counter(descRequests, stats.Own[i], "none", "none", classes[i])
	}
	gauge(descConnections, stats.Connections)
	gauge(descMaximum, stats.Peak)
	counter(descAccepted, stats.Accepted)
	gauge(descQueue, int64(waiting))
	gauge(descLimit, stats.Limit)
	if s := c.p.secure; s != nil {
		n := c.p.front.SecureStats()
		counter(descHandshakes, n.Handshakes-n.Resumed, "new")
		counter(descHandshakes, n.Resumed, "resumed")
		counter(descHandshakes, n.Failed, "failed")
		seen := map[string]bool{}
		for _, info := range s.book.List() {
			if name := strings.Join(info.Names[:min(len(info.Names), 1)], ""); !seen[name] {
				seen[name] = true
				gauge(descCertificate, info.Ends.Unix(), name)
			}
		}
	}
	if z := c.p.pack; z != nil {
		n := z.Stats()
		counter(descCompressed, n.Responses, "compressed")
		counter(descCompressed, n.Passed, "busy")
		counter(descCompression, n.In, "in")
		counter(descCompression, n.Out, "out")
	}
	ch <- histogram(descDuration, &c.p.durations)
}

func histogram(d *prometheus.Desc, h *latency.Histogram, labels ...string) prometheus.Metric {
	buckets, total := h.Counts().Cumulative()
	return prometheus.MustNewConstHistogram(d, total, h.Sum().Seconds(), buckets, valid(labels)...)
}

// valid makes UTF-8 of names from elsewhere: one that is none must not void all there is.
func valid(labels []string) []string {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "\uFFFD")
	}
	return labels
}

func (c collector) collectServer(service string, m *upstream.Server, counter, gauge func(*prometheus.Desc, int64, ...string)) {
	name, v := m.Name(), m.View()
	for i := 1; i < len(classes); i++ {
		counter(descRequests, m.Responses[i].Load(), service, name, classes[i])
	}
	up := int64(0)
	if v.State == health.Up {
		up = 1
	}
	gauge(descUp, up, service, name)
	gauge(descWeight, int64(v.Weight), service, name)
	gauge(descActive, v.Active, service, name)
	counter(descChecksFailed, m.ChecksFailed.Load(), service, name)
	counter(descErrors, m.ConnectErrors.Load(), service, name, "connect")
	counter(descErrors, m.Deaths.Load(), service, name, "died")
	counter(descErrors, m.Timeouts.Load(), service, name, "timeout")
	counter(descErrors, m.Invalid.Load(), service, name, "invalid")
	counter(descErrors, m.Truncated.Load(), service, name, "truncated")
	counter(descRetries, m.Retries.Load(), service, name)
	counter(descRedispatches, m.Redispatches.Load(), service, name)
	counter(descBytes, m.BytesIn.Load(), service, name, "in")
	counter(descBytes, m.BytesOut.Load(), service, name, "out")
}

// record takes down a request that has ended.
func (p *Proxy) record(r *exchange.Record) {
	p.observe(r)
	p.shared.Add(r)
	if p.access != nil {
		p.access.Add(r)
	}
}

func (p *Proxy) observe(r *exchange.Record) {
	if r.Status >= 200 { // neither a tunnel, open for hours, nor a client that left
		p.durations.Observe(r.Done.Sub(r.Start))
	}
}

// recorder takes records down for one loop.
type recorder struct {
	p     *Proxy
	batch *accesslog.Batch // nil: no access log
	ring  *trace.Ring
}

func (p *Proxy) recorder() exchange.Recorder {
	r := recorder{p: p, ring: p.ring()}
	if p.access != nil {
		r.batch = p.access.NewBatch()
	}
	return r
}

func (r recorder) Record(rec *exchange.Record) {
	r.p.observe(rec)
	r.ring.Add(rec)
	if r.batch != nil {
		r.batch.Add(rec)
	}
}

func (r recorder) Flush() {
	if r.batch != nil {
		r.batch.Flush()
	}
}
