package host

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pingd/monitor/host/cgroup"
	"pingd/monitor/host/fixture"
	"pingd/monitor/host/pressure"
)

func sampleOf(t *testing.T, f fixture.Tree) (Sample, *Sampler) {
	t.Helper()
	s := NewSampler(f.Plant(t))
	t.Cleanup(s.Close)
	var out Sample
	s.Read(time.Unix(5, 0), &out)
	return out, s
}

func TestSampleOfMachine(t *testing.T) {
	got, s := sampleOf(t, fixture.Machine)
	want := Sample{
		Time: time.Unix(5, 0),
		Stat: Stat{
			Total: CPU{User: 1000, Nice: 20, System: 300, Idle: 90000, Iowait: 40, IRQ: 5, SoftIRQ: 6, Steal: 7, Guest: 50},
			Cores: []CPU{
				{User: 600, Nice: 10, System: 200, Idle: 45000, Iowait: 20, IRQ: 3, SoftIRQ: 4, Steal: 5, Guest: 30},
				{}, // offline
				{User: 400, Nice: 10, System: 100, Idle: 45000, Iowait: 20, IRQ: 2, SoftIRQ: 2, Steal: 2, Guest: 20},
			},
			Context: 987654, Intr: 123456, Forks: 4321, BootTime: 1700000000, Running: 3, Blocked: 1, SoftIRQed: 777,
		},
		Load: Load{0.52, 1.05, 12},
		Memory: Memory{
			Total: 16000000 << 10, Free: 2000000 << 10, Available: 9000000 << 10, Buffers: 100000 << 10, Cached: 6000000 << 10,
			Slab: 400000 << 10, Reclaimable: 300000 << 10, Dirty: 128 << 10, AnonPages: 3000000 << 10, Shmem: 20000 << 10,
			SwapTotal: 1000000 << 10, SwapFree: 750000 << 10, SwapCached: 4 << 10, Committed: 5000000 << 10, HugeTotal: 8, HugeFree: 3,
		},
		VM: VM{SwapIn: 3, SwapOut: 4, Faults: 900, MajorFaults: 12, OOMKills: 2},
		Disks: []Disk{
			{Name: "vda", Reads: 100, ReadSectors: 2048, ReadMerged: 5, WriteMerged: 6, ReadMS: 30, Writes: 200, WriteSectors: 4096, WriteMS: 60, InFlight: 2, BusyMS: 70, WeightedMS: 90},
			{Name: "vda1", Reads: 90, ReadSectors: 2000, ReadMerged: 5, WriteMerged: 6, ReadMS: 29, Writes: 190, WriteSectors: 4000, WriteMS: 59, BusyMS: 69, WeightedMS: 88},
			{Name: "nvme0n1", Reads: 10, ReadSectors: 80, ReadMS: 5, Writes: 20, WriteSectors: 160, WriteMS: 6, BusyMS: 7, WeightedMS: 11},
			{Name: "nvme0n1p1", Reads: 9, ReadSectors: 72, ReadMS: 4, Writes: 19, WriteSectors: 152, WriteMS: 5, BusyMS: 6, WeightedMS: 9},
		},
		Nets: []Net{
			{Name: "lo", RxBytes: 3193, RxPackets: 29, TxBytes: 3193, TxPackets: 29},
			{Name: "eth0", RxBytes: 336450072, RxPackets: 12112, RxErrors: 1, RxDrops: 2, TxBytes: 936644, TxPackets: 8752, TxErrors: 3, TxDrops: 4},
			{Name: "veth12", RxBytes: 10, RxPackets: 1, TxBytes: 20, TxPackets: 2},
		},
		TCP: TCP{
			ActiveOpens: 74, PassiveOpens: 2, AttemptFails: 7, Established: 5, InSegs: 12060, OutSegs: 8755, RetransSegs: 33, InErrs: 1, OutRsts: 6,
			ListenOverflows: 11, ListenDrops: 12, Timeouts: 13, UDPIn: 75, UDPOut: 76, UDPInErrors: 2, UDPNoPorts: 1, UDPRcvbufErrors: 3, UDPSndbufErrors: 4,
		},
		Sockets:  Sockets{Used: 33, InUse: 4, Orphan: 1, TimeWait: 2, Allocated: 6, MemoryPages: 403, UDPInUse: 3},
		Pressure: pressure.All{CPU: pressure.Stall{Some: 123456, Known: true}, Memory: pressure.Stall{Some: 10, Full: 4, Known: true}, IO: pressure.Stall{Some: 2000, Full: 1000, Known: true}, IRQ: pressure.Stall{Full: 77, Known: true}},
		Limits:   Limits{Files: 1984, FilesMax: 9223372036854775807, Conntrack: 17, ConntrackMax: 65536, Entropy: 256},
	}
	want.Containers, want.Clock = got.Containers, got.Clock
	if !reflect.DeepEqual(got, want) {
		t.Errorf("sample\n got %+v\nwant %+v", got, want)
	}
	if len(got.Containers) != 0 || s.Mode() != cgroup.None {
		t.Errorf("containers %v in mode %q without a cgroup tree", got.Containers, s.Mode())
	}
	if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], "no cgroup tree") {
		t.Errorf("warnings %q, want only the missing cgroup tree", w)
	}
	var whole []string
	for i := range got.Disks {
		if got.Disks[i].Whole(got.Disks) {
			whole = append(whole, got.Disks[i].Name)
		}
	}
	if want := []string{"vda", "nvme0n1"}; !reflect.DeepEqual(whole, want) {
		t.Errorf("whole disks %q, want %q", whole, want)
	}
	for i, local := range []bool{true, false, true} {
		if got.Nets[i].Local() != local {
			t.Errorf("%s local = %v", got.Nets[i].Name, !local)
		}
	}
	if used := got.Memory.Used(); used != 7000000<<10 {
		t.Errorf("memory used %d", used)
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	got, s := sampleOf(t, fixture.Tree{"proc/stat": fixture.Machine["proc/stat"], "proc/1/x": ""})
	if got.Stat.Forks != 4321 || got.Memory.Total != 0 {
		t.Errorf("what is there must be read, what is not must be zero: %+v", got)
	}
	warnings := strings.Join(s.Warnings(), "\n")
	for _, want := range []string{"meminfo", "net/dev can not be read: no network figures", "pressure/cpu", "no cgroup tree"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("warnings lack %q:\n%s", want, warnings)
		}
	}
	if strings.Contains(warnings, "conntrack") {
		t.Errorf("an optional file is no cause for a warning:\n%s", warnings)
	}
}

func TestFileThatComesLaterIsRead(t *testing.T) {
	proc, sys := fixture.Tree{"proc/stat": fixture.Machine["proc/stat"]}.Plant(t)
	s := NewSampler(proc, sys)
	defer s.Close()
	var a Sample
	s.Read(time.Now(), &a)
	if err := os.WriteFile(filepath.Join(proc, "loadavg"), []byte("3.25 0 0"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range retry {
		s.Read(time.Now(), &a)
	}
	if a.Load.One != 3.25 {
		t.Errorf("load %v, want 3.25", a.Load)
	}
}

func TestSampleAllocatesNothing(t *testing.T) {
	for name, f := range map[string]fixture.Tree{"v2": fixture.Unified, "hybrid": fixture.Hybrid} {
		s := NewSampler(f.Plant(t))
		defer s.Close()
		var a Sample
		s.Read(time.Now(), &a)
		if n := testing.AllocsPerRun(retry-5, func() { s.Read(time.Time{}, &a) }); n != 0 {
			t.Errorf("%s: one sample allocates %v times, want 0", name, n)
		}
	}
}

func TestThisMachine(t *testing.T) {
	s := NewSampler("/proc", "/sys")
	defer s.Close()
	var a Sample
	s.Read(time.Now(), &a)
	if a.Stat.Total.Total() == 0 {
		t.Skip("no /proc here")
	}
	if a.Memory.Total == 0 || len(a.Stat.Cores) == 0 || a.Stat.BootTime == 0 {
		t.Errorf("implausible sample of this machine: %+v", a)
	}
	if n := testing.AllocsPerRun(retry-5, func() { s.Read(time.Time{}, &a) }); n != 0 {
		t.Errorf("one sample of this machine allocates %v times, want 0", n)
	}
}

func BenchmarkSample(b *testing.B) {
	s := NewSampler("/proc", "/sys")
	defer s.Close()
	var a Sample
	s.Read(time.Time{}, &a)
	b.ReportAllocs()
	for b.Loop() {
		s.Read(time.Time{}, &a)
	}
}
