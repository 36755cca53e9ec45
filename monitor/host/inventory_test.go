package host

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pingd/monitor/host/fixture"
)

func TestInventoryOfThisMachine(t *testing.T) {
	roots := Roots{Proc: "/proc", Sys: "/sys", Root: "/"}
	inv := roots.Take(t.Context())
	if inv.Cores < 1 || inv.Kernel == "" || inv.Boot.Unix() <= 0 {
		t.Errorf("inventory %+v", inv)
	}
	spaces, err := roots.Spaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spaces {
		if s.Size == 0 || s.Avail > s.Size || s.Mount == "" || s.Used() < 0 || s.Used() > 1 {
			t.Errorf("space %+v", s)
		}
	}
}

func TestMounts(t *testing.T) {
	got := parseMounts(fixture.Machine["proc/1/mountinfo"])
	want := []mount{
		{point: "/", fs: "ext4", device: "/dev/vda1"},
		{point: "/mnt/again", fs: "xfs", device: "/dev/nvme0n1p1"},
	}
	// Of two mounts of one device the shorter path wins.
	if !reflect.DeepEqual(got, want) {
		t.Errorf("mounts\n got %+v\nwant %+v", got, want)
	}
	if got := unescape(`/srv/my\040data\134x\9`); got != `/srv/my data\x\9` {
		t.Errorf("unescaped %q", got)
	}
	if got := unescape(`\377`); got != "\uFFFD" {
		t.Errorf("a byte that is no text: %q", got)
	}
}

func TestSpacesSeenFromAContainer(t *testing.T) {
	proc, sys := fixture.Machine.Plant(t)
	if all, err := (Roots{Proc: proc, Sys: sys}).Spaces(); err == nil {
		t.Errorf("spaces %+v without a way to the machine's root", all)
	}
	// With the rights to look through process 1 they are there.
	root := filepath.Join(proc, "1/root")
	if err := os.MkdirAll(filepath.Join(root, "mnt/again"), 0o755); err != nil {
		t.Fatal(err)
	}
	all, err := (Roots{Proc: proc, Sys: sys}).Spaces()
	if err != nil || len(all) != 2 || all[1].Mount != "/mnt/again" || all[1].Device != "/dev/nvme0n1p1" || all[0].Size == 0 {
		t.Errorf("spaces %+v, %v", all, err)
	}
	if _, err := (Roots{Proc: t.TempDir()}).Spaces(); err == nil {
		t.Error("no error without mountinfo")
	}
}

func TestUsedAsDfReckons(t *testing.T) {
	// 100 blocks, 20 free, of which 5 are root's: df says 84 %.
	s := Space{Size: 100, Free: 20, Avail: 15}
	if u := s.Used(); u < 0.842 || u > 0.843 {
		t.Errorf("used %v", u)
	}
	if u := (&Space{}).Used(); u != 0 {
		t.Errorf("used %v of nothing", u)
	}
}

func TestTemperatures(t *testing.T) {
	proc, sys := fixture.Machine.Plant(t)
	device := filepath.Join(sys, "devices/platform/coretemp.0")
	if err := os.MkdirAll(device, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(device, filepath.Join(sys, "class/hwmon/hwmon0/device")); err != nil {
		t.Fatal(err)
	}
	got := Roots{Proc: proc, Sys: sys}.Temperatures()
	want := []Temperature{
		{Chip: "nvme", Sensor: "temp1", Label: "temp1", Celsius: -5},
		{Chip: "platform_coretemp_0", Sensor: "temp1", Label: "Package id 0", Celsius: 41.5, Limit: 100},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("temperatures\n got %+v\nwant %+v", got, want)
	}
	if none := (Roots{Sys: t.TempDir()}).Temperatures(); none != nil {
		t.Errorf("temperatures %v of a machine without sensors", none)
	}
}

func TestInterfaces(t *testing.T) {
	proc, sys := fixture.Machine.Plant(t)
	got := Roots{Proc: proc, Sys: sys}.Interfaces()
	want := []Interface{
		{Name: "eth0", Up: true, Speed: 125_000_000, MTU: 1500},
		{Name: "lo", MTU: 65536},
		{Name: "veth12"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("interfaces\n got %+v\nwant %+v", got, want)
	}
}

// TestTemperaturesOfTwins holds that no two sensors have one name: two metrics of one
// name would void all that is exported.
func TestTemperaturesOfTwins(t *testing.T) {
	sys := t.TempDir()
	for file, text := range map[string]string{
		"hwmon0/name": "acpitz", "hwmon0/temp1_input": "41000", "hwmon0/temp2_input": "43000",
		"hwmon1/name": "acpitz", "hwmon1/temp1_input": "42000", "hwmon1/temp1_crit": "x",
		"hwmon2/name": "acpitz", "hwmon2/temp1_input": "-1500",
		"hwmon3/name": "\xff\xfe", "hwmon3/temp1_input": "1",
		"hwmon4/temp1_input": "hot",
	} {
		path := filepath.Join(sys, "class/hwmon", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]float64{}
	for _, s := range (Roots{Sys: sys}).Temperatures() {
		name := s.Chip + " " + s.Sensor
		if _, again := got[name]; again {
			t.Errorf("%s came twice", name)
		}
		got[name] = s.Celsius
	}
	want := map[string]float64{
		"acpitz temp1": 41, "acpitz temp2": 43, "acpitz_hwmon1 temp1": 42, "acpitz_hwmon2 temp1": -1.5, "hwmon3 temp1": 0.001,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
