package cgroup

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pingd/monitor/host/fixture"
	"pingd/monitor/host/pressure"
)

func TestContainersOfEveryLayout(t *testing.T) {
	full := Container{
		ID: fixture.DockerID, Engine: "docker",
		CPUNanos: 5e9, UserNanos: 3e9, SystemNanos: 2e9, Periods: 100, ThrottledPeriods: 7, ThrottledNanos: 4e8, CPULimit: 1.5,
		Memory: 104857600, Inactive: 4857600, RSS: 50000000, Cache: 40000000, MemoryLimit: 268435456, OOMKills: 1,
		ReadBytes: 4097, WriteBytes: 8194, Processes: 12,
		RxBytes: 1001, TxBytes: 2002, RxDrops: 1, TxDrops: 2, NetKnown: true,
	}
	full.Path = "/system.slice/docker-" + fixture.DockerID + ".scope"
	unlimited := full
	unlimited.Path = "/docker/" + fixture.DockerID
	unlimited.MemoryLimit = 0
	pressed := func(c Container, s pressure.Stall) Container { c.Pressure.CPU = s; return c }
	for _, tc := range []struct {
		name string
		tree fixture.Tree
		mode Mode
		want []Container
	}{
		{"v2", fixture.Unified, Unified, []Container{pressed(full, pressure.Stall{Some: 55, Full: 5, Known: true}), {ID: fixture.PodID, Path: "/kubepods.slice/kubepods-besteffort.slice/pod1.slice/cri-containerd-" + fixture.PodID + ".scope", Engine: "containerd", CPUNanos: 1000}}},
		{"v1", fixture.Legacy, Legacy, []Container{unlimited}},
		{"v1 combined", fixture.Combined, Legacy, []Container{unlimited}},
		{"hybrid", fixture.Hybrid, Hybrid, []Container{pressed(unlimited, pressure.Stall{Some: 55, Known: true})}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := New(tc.tree.Plant(t))
			defer s.Close()
			_, got := s.Read(make([]byte, 4096), nil)
			if s.Mode() != tc.mode {
				t.Errorf("mode %q, want %q", s.Mode(), tc.mode)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("containers\n got %+v\nwant %+v", got, tc.want)
			}
			if w := s.Warnings(); len(w) > 0 {
				t.Errorf("warnings %q", w)
			}
			if ws := got[0].WorkingSet(); ws != 100000000 {
				t.Errorf("working set %d", ws)
			}
		})
	}
}

func TestContainersComeAndGo(t *testing.T) {
	proc, sys := fixture.Unified.Plant(t)
	g := New(proc, sys)
	defer g.Close()
	buf := make([]byte, 4096)
	var all []Container
	next := func() int {
		buf, all = g.Read(buf, all)
		return len(all)
	}
	if n := next(); n != 2 {
		t.Fatalf("%d containers, want 2", n)
	}
	if err := os.RemoveAll(filepath.Join(sys, "fs/cgroup/kubepods.slice")); err != nil {
		t.Fatal(err)
	}
	if n := next(); n != 1 {
		t.Errorf("%d containers after one is gone, want 1", n)
	}
	dir := filepath.Join(sys, "fs/cgroup/docker", fixture.PodID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	plant := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plant(filepath.Join(dir, "cpu.stat"), "usage_usec 7\n")
	if n := next(); n != 2 || all[1].Engine != "docker" || all[1].CPUNanos != 7000 || all[1].NetKnown {
		t.Fatalf("%d containers after one came, want 2: %+v", n, all)
	}
	// Its first process comes after its group.
	plant(filepath.Join(dir, "cgroup.procs"), "77\n")
	plant(filepath.Join(proc, "77/net/dev"), "h\nh\n  eth0: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n")
	if next(); !all[1].NetKnown || all[1].RxBytes != 5 || all[1].TxBytes != 6 {
		t.Errorf("its network is not found: %+v", all[1])
	}
}

// TestSharedNetworkIsNotAContainers holds that --net=host does not count the
// machine's traffic as the container's.
func TestSharedNetworkIsNotAContainers(t *testing.T) {
	proc, sys := fixture.Unified.Plant(t)
	for _, pid := range []string{"1", "4242"} {
		if err := os.MkdirAll(filepath.Join(proc, pid, "ns"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("net:[1]", filepath.Join(proc, pid, "ns/net")); err != nil {
			t.Fatal(err)
		}
	}
	g := New(proc, sys)
	defer g.Close()
	if _, all := g.Read(make([]byte, 4096), nil); all[0].NetKnown || all[0].RxBytes != 0 {
		t.Errorf("container %+v", all[0])
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	for name, tree := range map[string]fixture.Tree{"v2": fixture.Unified, "v1": fixture.Legacy, "hybrid": fixture.Hybrid} {
		g := New(tree.Plant(t))
		defer g.Close()
		buf, all := g.Read(make([]byte, 4096), nil)
		// Fewer rounds than rescan, as the walk over the tree allocates.
		if n := testing.AllocsPerRun(rescan-5, func() { buf, all = g.Read(buf, all) }); n != 0 {
			t.Errorf("%s: reading allocates %v times, want 0", name, n)
		}
	}
}

func TestNoTree(t *testing.T) {
	g := New(fixture.Machine.Plant(t))
	defer g.Close()
	if _, all := g.Read(make([]byte, 4096), nil); len(all) != 0 || g.Mode() != None {
		t.Errorf("%v in mode %q", all, g.Mode())
	}
	if w := g.Warnings(); len(w) != 1 {
		t.Errorf("warnings %q", w)
	}
}
