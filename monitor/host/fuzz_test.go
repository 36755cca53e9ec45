package host

import (
	"testing"

	"pingd/monitor/host/fixture"
	"pingd/monitor/host/pressure"
)

func FuzzHostFiles(f *testing.F) {
	for _, content := range fixture.Machine {
		f.Add([]byte(content))
	}
	var s Sample
	f.Fuzz(func(t *testing.T, b []byte) {
		ParseStat(b, &s.Stat)
		s.Load = ParseLoad(b)
		ParseMemory(b, &s.Memory)
		ParseVM(b, &s.VM)
		s.Disks = ParseDisks(b, s.Disks)
		s.Nets = ParseNets(b, s.Nets)
		ParseTCP(b, &s.TCP)
		ParseSockets(b, &s.Sockets)
		ParseFiles(b)
		s.Pressure.CPU = pressure.Parse(b)
		for _, m := range parseMounts(string(b)) {
			if m.point == "" || !onDisk[m.fs] {
				t.Fatalf("mount %+v", m)
			}
		}
		if len(s.Stat.Cores) > maxCores {
			t.Fatalf("%d cores", len(s.Stat.Cores))
		}
		for i := range s.Disks {
			if s.Disks[i].Name == "" {
				t.Fatal("nameless disk")
			}
			s.Disks[i].Whole(s.Disks)
		}
		for i := range s.Nets {
			if s.Nets[i].Name == "" {
				t.Fatal("nameless interface")
			}
		}
	})
}
