package host

import (
	"math"
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	for in, want := range map[string]uint64{
		"": 0, "0": 0, "42": 42, "42kB": 42, "-1": 0, "x": 0,
		"18446744073709551615": math.MaxUint64, "99999999999999999999999": math.MaxUint64,
	} {
		if got := number([]byte(in)); got != want {
			t.Errorf("number(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestDecimal(t *testing.T) {
	for in, want := range map[string]float64{"": 0, "1": 1, "0.52": 0.52, "12.25x": 12.25, ".5": 0.5, "7.": 7} {
		if got := decimal([]byte(in)); math.Abs(got-want) > 1e-9 {
			t.Errorf("decimal(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestContainerID(t *testing.T) {
	for _, tc := range []struct{ parent, name, id, engine string }{
		{"docker", dockerID, dockerID, "docker"},
		{"system.slice", "docker-" + dockerID + ".scope", dockerID, "docker"},
		{"pod1", "cri-containerd-" + podID + ".scope", podID, "containerd"},
		{"pod1", "crio-" + podID + ".scope", podID, "crio"},
		{"machine.slice", "libpod-" + podID + ".scope", podID, "podman"},
		{"kubepods", podID, podID, ""},
		{"", "lxc.payload.web", "web", "lxc"},
		{"lxc", "db", "db", "lxc"},
		{"machine.slice", "systemd-nspawn@box.service", "box", "nspawn"},
		{"system.slice", "docker.service", "", ""},
		{"system.slice", "docker-short.scope", "", ""},
		{"machine.slice", "libpod-conmon-" + podID + ".scope", "", ""},
		{"", strings.ToUpper(dockerID), "", ""},
		{"", "lxc.payload.", "", ""},
	} {
		id, engine, ok := ContainerID(tc.parent, tc.name)
		if ok != (tc.id != "") || ok && (id != tc.id || engine != tc.engine) {
			t.Errorf("ContainerID(%q, %q) = %q, %q, %v; want %q, %q", tc.parent, tc.name, id, engine, ok, tc.id, tc.engine)
		}
	}
}

func TestParseProcess(t *testing.T) {
	const rest = " S 1 77 77 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 4 0 9000 1000000 25 18446744073709551615"
	for _, tc := range []struct {
		in, name string
		ok       bool
	}{
		{"77 (redis-server)" + rest, "redis-server", true},
		{"77 (a) R 9 (b))" + rest, "a) R 9 (b)", true},
		{"77 ()" + rest, "", true},
		{"", "", false},
		{"77 (cut", "", false},
		{"77 (x) S 1 2", "", false},
	} {
		var p Process
		if ok := ParseProcess([]byte(tc.in), &p); ok != tc.ok {
			t.Errorf("ParseProcess(%q) = %v", tc.in, ok)
			continue
		}
		if !tc.ok {
			continue
		}
		if p.Name != tc.name || p.PID != 77 || p.State != "S" || p.Parent != 1 || p.ticks != 200 || p.Threads != 4 || p.start != 9000 || p.RSS != 25*pageSize {
			t.Errorf("ParseProcess(%q) = %+v", tc.in, p)
		}
	}
}

func FuzzHostFiles(f *testing.F) {
	for _, content := range machine {
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
		s.Pressure.CPU = ParseStall(b)
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

func FuzzCgroupFiles(f *testing.F) {
	for path, content := range unified.with(legacy) {
		if strings.HasPrefix(path, "sys/") {
			f.Add([]byte(content))
		}
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		var c Container
		for _, list := range [...][]cgroupFile{cgroup1Files, cgroup2Files} {
			for _, file := range list {
				file.parse(b, &c)
			}
		}
		parseContainerNet(b, &c)
		c.WorkingSet()
	})
}

func FuzzParseProcess(f *testing.F) {
	f.Add([]byte("77 (redis-server) S 1 77 77 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 4 0 9000 1000000 25 0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Process
		if ParseProcess(b, &p) && (p.State == "" || p.PID < 0) {
			t.Fatalf("accepted %q as %+v", b, p)
		}
	})
}
