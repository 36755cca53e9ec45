package flow

import (
	"testing"

	"pingd/proxy/exchange"
)

// BenchmarkGet is what the decisions of one request cost, without any I/O.
func BenchmarkGet(b *testing.B) {
	w := newWorld(b, func(c *exchange.Config) { c.NoRequestID = false })
	request := []byte("GET /x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n")
	answer := []byte("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 28 Nov 2026 18:52:17 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nxxxxx")
	buf := make([]byte, 4096)
	server := w.servers[0]
	m := w.m
	ip := []byte("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		m.Begin(w.env, ip, false)
		m.Client(buf[:copy(buf, request)])
		for o := m.Take(); o != 0; o = m.Take() {
			switch {
			case o&Pick != 0:
				m.Picked(server)
			case o&Connect != 0:
				m.Connected(true)
			case o&SendServer != 0:
				a, c := m.Outgoing(true)
				m.ServerSent(len(a) + len(c))
			}
		}
		m.Server(buf[:copy(buf, answer)])
		for o := m.Take(); o != 0; o = m.Take() {
			if o&SendClient != 0 {
				a, c := m.Outgoing(false)
				m.ClientSent(len(a) + len(c))
			}
			if o&Finish != 0 {
				m.Finished()
			}
		}
		if m.stage != idle {
			b.Fatalf("in stage %d", m.stage)
		}
		m.Trim()
	}
}
