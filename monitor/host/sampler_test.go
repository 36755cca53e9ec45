package host

import (
	"testing"
	"time"
)

func TestSamplerAllocatesNothing(t *testing.T) {
	s := NewSampler("/proc", "/sys")
	defer s.Close()
	var a Sample
	now := time.Unix(1e9, 0)
	s.Read(now, &a)
	if a.Stat.Total.Total() == 0 {
		t.Skip("no /proc here")
	}
	if n := testing.AllocsPerRun(50, func() { s.sample(now, &a) }); n != 0 {
		t.Errorf("one sample allocates %v times, want 0", n)
	}
}

func BenchmarkSample(b *testing.B) {
	s := NewSampler("/proc", "/sys")
	defer s.Close()
	var a Sample
	s.Read(time.Time{}, &a)
	b.ReportAllocs()
	for b.Loop() {
		s.sample(time.Time{}, &a)
	}
}
