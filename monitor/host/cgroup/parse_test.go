package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pingd/monitor/host/fixture"
)

func TestContainerID(t *testing.T) {
	for _, tc := range []struct{ parent, name, id, engine string }{
		{"docker", fixture.DockerID, fixture.DockerID, "docker"},
		{"system.slice", "docker-" + fixture.DockerID + ".scope", fixture.DockerID, "docker"},
		{"pod1", "cri-containerd-" + fixture.PodID + ".scope", fixture.PodID, "containerd"},
		{"pod1", "crio-" + fixture.PodID + ".scope", fixture.PodID, "crio"},
		{"machine.slice", "libpod-" + fixture.PodID + ".scope", fixture.PodID, "podman"},
		{"kubepods", fixture.PodID, fixture.PodID, ""},
		{"", "lxc.payload.web", "web", "lxc"},
		{"lxc", "db", "db", "lxc"},
		{"machine.slice", "systemd-nspawn@box.service", "box", "nspawn"},
		{"system.slice", "docker.service", "", ""},
		{"system.slice", "docker-short.scope", "", ""},
		{"machine.slice", "libpod-conmon-" + fixture.PodID + ".scope", "", ""},
		{"", strings.ToUpper(fixture.DockerID), "", ""},
		{"", "lxc.payload.", "", ""},
	} {
		id, engine, ok := ContainerID(tc.parent, tc.name)
		if ok != (tc.id != "") || ok && (id != tc.id || engine != tc.engine) {
			t.Errorf("ContainerID(%q, %q) = %q, %q, %v; want %q, %q", tc.parent, tc.name, id, engine, ok, tc.id, tc.engine)
		}
	}
}

func FuzzCgroupFiles(f *testing.F) {
	for path, content := range fixture.Unified.With(fixture.Legacy) {
		if strings.HasPrefix(path, "sys/") {
			f.Add([]byte(content))
		}
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		var c Container
		for _, list := range [...][]groupFile{files1, files2} {
			for _, file := range list {
				file.parse(b, &c)
			}
		}
		parseNet(b, &c)
		c.WorkingSet()
	})
}

func TestOwnContainer(t *testing.T) {
	id := fixture.DockerID
	plant := func(mountinfo, group string) string {
		dir := t.TempDir()
		for name, text := range map[string]string{"mountinfo": mountinfo, "cgroup": group} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	other := fixture.PodID
	for name, tc := range map[string]struct{ mountinfo, group, want string }{
		"docker, own cgroup namespace": {"1 2 3:4 / / rw - overlay overlay rw\n5 6 254:1 /var/lib/docker/containers/" + id + "/hostname /etc/hostname rw - ext4 /dev/vda rw\n", "0::/\n", id},
		"cgroupfs driver":              {"", "12:memory:/docker/" + id + "\n0::/\n", id},
		"systemd driver":               {"", "0::/system.slice/docker-" + id + ".scope\n", id},
		"no container":                 {"1 2 3:4 / / rw - ext4 /dev/vda rw\n", "0::/user.slice/session-1.scope\n", ""},
		"another's directory mounted":  {"5 6 254:1 /var/lib/docker/containers/" + other + "/x /logs rw - ext4 /dev/vda rw\n", "0::/\n", ""},
	} {
		if got := Own(plant(tc.mountinfo, tc.group)); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if got := Own(filepath.Join(t.TempDir(), "none")); got != "" {
		t.Errorf("of nobody: %q", got)
	}
}
