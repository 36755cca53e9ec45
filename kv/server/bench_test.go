package server

import (
	"io"
	"strings"
	"testing"
)

// benchPipeline sends depth commands at a time over one connection. The store is
// a bare engine: what is measured is the front.
func benchPipeline(b *testing.B, command, reply string, depth int) {
	r := start(b, nil)
	p := r.dial()
	p.talk("SET key value", "+OK\r\n")
	send := []byte(strings.Repeat(command, depth))
	got := make([]byte, len(reply)*depth)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.nc.Write(send); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(p.nc, got); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*depth)/b.Elapsed().Seconds(), "commands/s")
}

const (
	benchSet = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n"
	benchGet = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
)

func BenchmarkGet(b *testing.B)     { benchPipeline(b, benchGet, "$5\r\nvalue\r\n", 1) }
func BenchmarkGet100(b *testing.B)  { benchPipeline(b, benchGet, "$5\r\nvalue\r\n", 100) }
func BenchmarkSet100(b *testing.B)  { benchPipeline(b, benchSet, "+OK\r\n", 100) }
func BenchmarkPing100(b *testing.B) { benchPipeline(b, "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", 100) }
func BenchmarkMulti100(b *testing.B) {
	benchPipeline(b, "*1\r\n$5\r\nMULTI\r\n"+benchSet+"*1\r\n$4\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n", 100)
}
